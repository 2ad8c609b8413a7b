import type { Operation } from './operation.ts'
import { accountCharges } from './operations/account-charges.ts'
import { accountLateUsage } from './operations/account-late-usage.ts'
import { accountUsage } from './operations/account-usage.ts'
import { simulate } from './operations/simulate.ts'
import { releaseInvoice } from './operations/release-invoice.ts'
import { noteAvailability } from './operations/note-availability.ts'
import { exportFocus } from './operations/export-focus.ts'
import { exportGrants } from './operations/export-grants.ts'
import { exportRounding } from './operations/export-rounding.ts'
import { rerateInvoice } from './operations/rerate-invoice.ts'
import { createAccount } from './operations/create-account.ts'
import { createAssignment } from './operations/create-assignment.ts'
import { createContract } from './operations/create-contract.ts'
import { createInvoiceRun } from './operations/create-invoice-run.ts'
import { createItem } from './operations/create-item.ts'
import { createRuleSet } from './operations/create-rule-set.ts'
import { createTariff } from './operations/create-tariff.ts'
import { createUsageCorrection } from './operations/create-usage-correction.ts'
import { discardInvoice } from './operations/discard-invoice.ts'
import { endAssignment } from './operations/end-assignment.ts'
import { endContract } from './operations/end-contract.ts'
import { getAccount } from './operations/get-account.ts'
import { getAttribution } from './operations/get-attribution.ts'
import { getInvoicePdf } from './operations/get-invoice-pdf.ts'
import { getInvoice } from './operations/get-invoice.ts'
import { getItem } from './operations/get-item.ts'
import { getProof } from './operations/get-proof.ts'
import { getRuleSet } from './operations/get-rule-set.ts'
import { getTariff } from './operations/get-tariff.ts'
import { getUsage } from './operations/get-usage.ts'
import { issueInvoice } from './operations/issue-invoice.ts'
import { listAccounts } from './operations/list-accounts.ts'
import { listAssignments } from './operations/list-assignments.ts'
import { listAttributes } from './operations/list-attributes.ts'
import { auditLog } from './operations/list-audit.ts'
import { listContracts } from './operations/list-contracts.ts'
import { listInvoices } from './operations/list-invoices.ts'
import { listItems } from './operations/list-items.ts'
import { listJournal } from './operations/list-journal.ts'
import { listRuleSets } from './operations/list-rule-sets.ts'
import { listTariffs } from './operations/list-tariffs.ts'
import { listOrphans } from './operations/list-orphans.ts'
import { listUnattributed } from './operations/list-unattributed.ts'
import { listUsageCorrections } from './operations/list-usage-corrections.ts'
import { previewAttribution } from './operations/preview-attribution.ts'
import { putAttributes } from './operations/put-attributes.ts'
import { withdrawUsageCorrection } from './operations/withdraw-usage-correction.ts'

/** Every operation of the interface, one file each. */
export const OPERATIONS: readonly Operation[] = [
  accountCharges,
  accountLateUsage,
  accountUsage,
  createAccount,
  createAssignment,
  createContract,
  createInvoiceRun,
  createItem,
  createRuleSet,
  createTariff,
  createUsageCorrection,
  discardInvoice,
  endAssignment,
  endContract,
  exportFocus,
  exportGrants,
  exportRounding,
  getAccount,
  getAttribution,
  getInvoicePdf,
  getInvoice,
  getItem,
  getProof,
  getRuleSet,
  getTariff,
  getUsage,
  issueInvoice,
  listAccounts,
  listAssignments,
  listAttributes,
  auditLog,
  listContracts,
  listInvoices,
  listItems,
  listJournal,
  listRuleSets,
  listTariffs,
  listOrphans,
  listUnattributed,
  listUsageCorrections,
  noteAvailability,
  previewAttribution,
  putAttributes,
  releaseInvoice,
  rerateInvoice,
  simulate,
  withdrawUsageCorrection,
]
