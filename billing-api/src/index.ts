/** What others compose: the service, its configuration, its schema. */
export { createBilling, type Billing, type BillingOptions } from './service.ts'
export { describeBillingConfig, readBillingConfig, type BillingConfig } from './config.ts'
export type { ApiKeyRequest } from './http/authentication.ts'
export type { Scope } from './postgres/api-keys.ts'
