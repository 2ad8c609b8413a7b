import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { uuidV7 } from '@vouch/proto/kernel/id.ts'
import { proofText, sealProof } from '@vouch/proto/seal/proof.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { SERIES, invoiceNumber, retainUntil } from '../invoice/invoice.ts'
import type { Invoice, Issue } from '../invoice/invoice.ts'
import { postInvoice } from '../ledger/entry.ts'
import type { Chance, Evidence, Rating } from '../ports.ts'
import { lockAccount } from './accounts.ts'
import { findTariff } from './catalogue.ts'
import { staleness } from './stale.ts'
import type { Sql } from './database.ts'
import { findInvoice, markIssued, nextOrdinal } from './invoices.ts'
import { insertEntry } from './journal.ts'
import { assembleProof, digestsOf } from '../proof/proof.ts'

/** What issuing works with. */
export interface IssueContext {
  readonly sql: Sql
  readonly rating: Rating
  readonly issuer: Signer
  readonly chance: Chance
  /** Days after the year of issue for which evidence is kept. */
  readonly documentRetentionDays: number
}

/** An issued invoice. */
export type IssuedInvoice = Invoice & { readonly issue: Issue }

const ID_RANDOM_BYTES = 10
const NOTHING_MEASURED: Evidence = { batches: [], streams: [], keys: [] }

/**
 * Issues a draft: its evidence is pinned, fetched and frozen in a sealed proof, it gets the next number, and its
 * total is posted, all in the caller's transaction. Faults: NOT_FOUND, INVOICE_ISSUED, USAGE_INCOMPLETE, DRAFT_STALE, EVIDENCE_MISSING,
 * LEDGER_UNBALANCED, and what rating answers.
 */
export async function issueInvoice(context: IssueContext, id: string): Promise<IssuedInvoice> {
  const { sql, rating, issuer, chance, documentRetentionDays } = context
  // Whoever draws for the account, or issues a correction of the same, waits here.
  const seen = await findInvoice(sql, id)
  if (seen !== undefined) await lockAccount(sql, seen.buyer.id)
  const draft = await findInvoice(sql, id, true)
  if (draft === undefined) return throwFault('NOT_FOUND', `there is no invoice ${id}`)
  if (draft.issue !== undefined) throwFault('INVOICE_ISSUED', `it is issued as ${draft.issue.number}`)
  const held = draft.lines.filter(({ charge }) => charge.held)
  if (held.length > 0 && draft.release === undefined) {
    const numbers = held.map(({ lineNumber }) => lineNumber).join(', ')
    throwFault(
      'USAGE_INCOMPLETE',
      `readings cover too little of lines ${numbers}; draw it again later, or release it`,
    )
  }
  const stale = await staleness(sql, draft)
  if (stale !== undefined) throwFault('DRAFT_STALE', `${stale}; draw it again`)
  const digests = digestsOf(draft.statements.map(({ snapshot }) => snapshot))
  // First, so that nothing fetched below can expire. Under the id: there is no number yet, and if this
  // transaction fails, the pin of a draft keeps a little too much and is repeated at the next try.
  if (digests.length > 0) await rating.pin(id, retainUntil(chance.nowMs(), documentRetentionDays), digests)
  const evidence = digests.length > 0 ? await rating.evidence(digests) : NOTHING_MEASURED
  const tariffs = await tariffsOf(sql, draft)

  // From here on everybody else who issues waits; the slow part, fetching evidence, is behind us.
  const ordinal = await nextOrdinal(sql)
  const stamp = { number: invoiceNumber(SERIES, ordinal), atMs: chance.nowMs() }
  const proof = unwrap(assembleProof(draft, stamp, tariffs, evidence))
  const text = new TextEncoder().encode(proofText(sealProof(proof, issuer)))
  const proofSha256 = sha256(text)
  await markIssued(sql, id, ordinal, stamp.atMs, { text, sha256: proofSha256 })
  await insertEntry(sql, {
    ...unwrap(postInvoice(stamp.number, draft)),
    id: uuidV7(stamp.atMs, chance.random(ID_RANDOM_BYTES)),
    postedMs: stamp.atMs,
    invoiceId: id,
  })
  return { ...draft, issue: { ...stamp, proofSha256 } }
}

/** The tariff versions that the statements name, in order of first use. */
async function tariffsOf(sql: Sql, { statements }: Invoice): Promise<Tariff[]> {
  const versions = new Map(statements.map((each) => [`${each.tariff} ${each.tariffVersion}`, each]))
  const tariffs: Tariff[] = []
  for (const { tariff: id, tariffVersion: version } of versions.values()) {
    const tariff = await findTariff(sql, { id, version })
    if (tariff === undefined) throw new Error(`version ${version} of tariff ${id} is gone`)
    tariffs.push(tariff)
  }
  return tariffs
}
