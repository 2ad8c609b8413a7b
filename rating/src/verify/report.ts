import type { Invoice } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { textTable } from './text-table.ts'
import type { Trust, Verified } from './verify.ts'

const EPOCHS_SHOWN_MAX = 12
const HEAD = [
  'line',
  'item',
  'resource',
  'opening reading',
  'closing reading',
  'quantity',
  'unit',
  'price',
  'amount',
]

/** The checked invoice as a person reads it. */
export function textReport({ proof, chain }: Verified, trust: Trust): string {
  const invoice = proof.invoice!
  const rows = invoice.lines.flatMap(({ lineNumber, charge }) => chargeRows(lineNumber, charge!))
  rows.push(['', '', '', '', '', '', '', 'total', `${invoice.total} ${invoice.currency}`])
  const keys = proof.keys.map(({ agentId, publicKey }) => {
    const summary = chain.find((one) => one.agentId === toHex(agentId))
    const whole =
      summary?.stretches === 1 ? 'chain unbroken' : `chain shown in ${summary?.stretches ?? 0} stretches`
    return `  agent ${toHex(agentId)}  ${toHex(publicKey)}  ${summary?.batches ?? 0} batches, ${whole}`
  })
  return [
    `Invoice ${invoice.number}: ${invoice.seller?.name ?? ''} to ${invoice.buyer?.name ?? ''}`,
    `Period ${invoice.periodFrom} to ${invoice.periodTo} (${invoice.timeZone})`,
    '',
    textTable(HEAD, rows, [0, 3, 4, 5, 7, 8]),
    coverageText(invoice),
    '',
    `Agents' keys (${trust.keys === undefined ? 'taken from the proof: compare them with what your agents print' : 'all among the trusted ones'}):`,
    ...keys,
    `Issuer's key (${trust.issuer === undefined ? 'taken from the proof: compare it with the one the issuer publishes' : 'as expected'}):`,
    `  ${toHex(proof.seal!.publicKey)}`,
    '',
    'verified: signatures, batch chain, readings, usage, prices, amounts and total fit each other.',
    'This is evidence against tampering after the measurement. It does not prove that a host told its',
    'agent the truth, nor that batches outside of the shown chain do not exist.',
    '',
  ].join('\n')
}

/** One row for each epoch; the line's figures stand on its first. */
function chargeRows(line: number, charge: Charge): string[][] {
  const epochs = charge.usage.flatMap(({ resource, epochs: own }) =>
    own.map((epoch) => ({ resource, epoch })),
  )
  const details = epochs
    .slice(0, EPOCHS_SHOWN_MAX)
    .map(({ resource, epoch }) => [resource, `${epoch.opening!.register}`, `${epoch.closing!.register}`])
  const [first = [charge.resource, 'none', 'none'], ...more] = details
  const figures = [charge.quantity, charge.unit, charge.unitPrice, charge.amount]
  const rest = epochs.length - details.length
  return [
    [`${line}`, charge.itemId, ...first, ...figures],
    ...more.map((detail) => ['', '', ...detail]),
    ...(rest > 0 ? [['', '', `and ${rest} more epochs`]] : []),
  ]
}

function coverageText(invoice: Invoice): string {
  const gaps = invoice.lines.flatMap(({ charge }) =>
    charge!.usage.flatMap(({ coverage }) => (coverage?.gaps ?? []).map((gap) => gap)),
  )
  if (gaps.length === 0) return 'Every millisecond of the period is covered by readings.'
  const longest = gaps.toSorted((a, b) => (a.toMs - a.fromMs > b.toMs - b.fromMs ? -1 : 1))[0]!
  const at = (ms: bigint): string => formatInstant(Number(ms))
  return `${gaps.length} gaps over all streams, listed in the proof; the longest from ${at(longest.fromMs)} to ${at(longest.toMs)}.`
}
