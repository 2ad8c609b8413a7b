import type { Invoice, InvoiceLine } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
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
  const rows = invoice.lines.flatMap((line) => chargeRows(line, invoice))
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
    ...correctionsText(invoice),
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

/** One row for each epoch that a line prices; the line's figures stand on its first. */
function chargeRows({ lineNumber, charge, statement }: InvoiceLine, invoice: Invoice): string[][] {
  const { itemId, kind, resource, measurements, quantity, unit, unitPrice, amount } = charge!
  const snapshot = invoice.statements[statement]?.snapshot
  const epochs = measurements
    .flatMap((index) => snapshot?.measurements[index]?.streams ?? [])
    .flatMap(({ resource: own, epochs: all }) => all.map((epoch) => ({ own, epoch })))
  const details = epochs
    .slice(0, EPOCHS_SHOWN_MAX)
    .map(({ own, epoch }) => [own, `${epoch.opening!.register}`, `${epoch.closing!.register}`])
  const [first = [resource, '', ''], ...more] = details
  const figures = [quantity, unit, unitPrice, amount]
  const rest = epochs.length - details.length
  const name = kind === 'usage' || kind === itemId ? itemId : `${itemId} (${kind})`
  return [
    [`${lineNumber}`, name, ...first, ...figures],
    ...more.map((detail) => ['', '', ...detail]),
    ...(rest > 0 ? [['', '', `and ${rest} more epochs`]] : []),
  ]
}

function coverageText({ statements }: Invoice): string {
  const gaps = statements
    .flatMap(({ snapshot }) => snapshot?.measurements ?? [])
    .flatMap(({ streams }) => streams.flatMap(({ coverage }) => coverage?.gaps ?? []))
  if (gaps.length === 0) return 'Every millisecond of the period is covered by readings.'
  const longest = gaps.toSorted((a, b) => (a.toMs - a.fromMs > b.toMs - b.fromMs ? -1 : 1))[0]!
  const at = (ms: bigint): string => formatInstant(Number(ms))
  const guessed = statements.flatMap(({ snapshot }) => snapshot?.estimates ?? []).length
  const estimates =
    guessed === 0
      ? ''
      : ` Lines of the kind estimate bill parts of them as in ${guessed} hours that were measured before.`
  return `${gaps.length} gaps over all streams, listed in the proof; the longest from ${at(longest.fromMs)} to ${at(longest.toMs)}.${estimates}`
}

/** What the proof cannot show: that earlier documents billed what it says they did. */
function correctionsText({ statements }: Invoice): string[] {
  return statements.flatMap(({ snapshot }) => {
    if (snapshot === undefined || snapshot.corrects === '') return []
    const { billed, corrects } = snapshot
    return [
      `A correction of ${corrects}: ${billed.length} lines that were billed before are the issuer's word; compare them with that invoice.`,
    ]
  })
}
