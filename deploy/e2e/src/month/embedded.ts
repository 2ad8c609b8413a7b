import { tmpdir } from 'node:os'
import { createTestEngine } from '@vouch/clickhouse'
import { createTestDatabase } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { verifyProof } from '@vouch/rating/verify/verify.ts'
import { startServices } from './services.ts'
import type { Services, Stores } from './services.ts'

/** Empty embedded stores. */
export async function embeddedStores(): Promise<Stores> {
  const engine = await createTestEngine()
  const postgres = await createTestDatabase()
  return {
    postgresUrl: postgres.url,
    clickhouse: engine.connect,
    clickhouseSettings: { VOUCH_DATA_DIR: tmpdir(), VOUCH_CLICKHOUSE_DATABASE: engine.database },
    dispose: async () => {
      await engine.dispose()
      await postgres.dispose()
    },
  }
}

/** Every service on embedded stores. */
export async function startEmbedded(): Promise<Services> {
  return startServices(await embeddedStores())
}

interface Line {
  readonly rule: string
  readonly kind: string
  readonly quantity?: string
  readonly period: { readonly from: string }
  readonly amount: { readonly amount: string }
}

/** What tests do with the invoices of one account. */
export interface Customer {
  /** Draws a month of 2026; gives the draft's id. */
  draw(month: number): Promise<string>
  /** Issues an invoice, whose proof then holds; gives its lines. */
  issue(id: string): Promise<readonly Line[]>
  /** Both. */
  bill(month: number): Promise<readonly Line[]>
  /** Puts it under a tariff from an instant on; gives the contract's id. */
  agree(tariff: string, from: string, closing?: object): Promise<string>
  /** Ends a contract. */
  end(contract: string, to: string): Promise<void>
}

/** Opens an account with months of UTC. */
export async function openCustomer({ rest, issuerPublicKey }: Services, account: string): Promise<Customer> {
  await rest.post('/v1/accounts', { id: account, name: `Customer ${account}`, timeZone: 'UTC' })
  const draw: Customer['draw'] = async (month) => {
    const body = { account, month: { year: 2026, month } }
    const { invoices } = await rest.post<{ invoices: { id: string }[] }>('/v1/invoice-runs', body)
    return invoices[0]!.id
  }
  const issue: Customer['issue'] = async (id) => {
    await rest.post(`/v1/invoices/${id}/issue`)
    const proof = Buffer.from(await rest.bytes(`/v1/invoices/${id}/proof`)).toString('utf8')
    unwrap(verifyProof(proof, { issuer: issuerPublicKey }))
    const { lines } = await rest.get<{ lines: Line[] }>(`/v1/invoices/${id}`)
    return lines
  }
  return {
    draw,
    issue,
    bill: async (month) => issue(await draw(month)),
    agree: async (tariff, from, closing = {}) => {
      const body = { account, tariff: { id: tariff }, period: { from }, closing }
      return (await rest.post<{ id: string }>('/v1/contracts', body)).id
    },
    end: async (contract, to) => void (await rest.post(`/v1/contracts/${contract}/end`, { to })),
  }
}
