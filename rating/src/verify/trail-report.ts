import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { textTable } from './text-table.ts'
import type { VerifiedTrail } from './trail.ts'
import type { Trust } from './verify.ts'

const READINGS_SHOWN_MAX = 1_000
const DIGITS_SHOWN = 12
const HEAD = ['time', 'epoch', 'register', 'agent', 'run', 'batch', 'row', 'receipt', 'day root']

/** The checked trail as a person reads it. */
export function trailReport({ trail, batches, chain, receipts, days }: VerifiedTrail, trust: Trust): string {
  const [first] = trail.streams
  const digests = new Map(
    [...batches].map(([digest, { agentId, header }]) => [
      `${agentId} ${toHex(header.runId)} ${header.sequence}`,
      digest,
    ]),
  )
  const rows = trail.readings.slice(0, READINGS_SHOWN_MAX).map((reading) => {
    const digest = digests.get(`${toHex(reading.agentId)} ${toHex(reading.runId)} ${reading.sequence}`) ?? ''
    const receipt = receipts.get(digest)
    const aside = receipt?.quarantined ?? ''
    return [
      formatInstant(Number(reading.timeMs)),
      `${reading.epoch}`,
      `${reading.register}`,
      toHex(reading.agentId).slice(0, DIGITS_SHOWN),
      toHex(reading.runId).slice(0, DIGITS_SHOWN),
      `${reading.sequence}`,
      `${reading.row}`,
      receipt === undefined ? 'none' : `up to ${receipt.sequence}${aside === '' ? '' : ` (${aside})`}`,
      days.dayOf.get(digest) ?? 'not closed',
    ]
  })
  const rest = trail.readings.length - rows.length
  return [
    `Trail of ${first?.resource ?? ''}: ${first?.meter ?? ''} (${first?.unit ?? ''})`,
    `Period ${formatInstant(Number(trail.fromMs))} to ${formatInstant(Number(trail.toMs))}`,
    '',
    textTable(HEAD, rows, [1, 2, 5, 6]) + (rest > 0 ? `and ${rest} more readings\n` : ''),
    `${batches.size} batches; ${receipts.size} have a receipt, ${days.dayOf.size} are under the root of their day.`,
    ...[...days.roots].map(([day, root]) => `  ${day}  root ${root}`),
    '',
    `Agents' keys (${trust.keys === undefined ? 'taken from the trail: compare them with what your agents print' : 'all among the trusted ones'}):`,
    ...trail.keys.map(({ agentId, publicKey }) => {
      const own = chain.find((one) => one.agentId === toHex(agentId))
      const whole =
        own?.stretches === 1 ? 'chain unbroken' : `chain shown in ${own?.stretches ?? 0} stretches`
      return `  agent ${toHex(agentId)}  ${toHex(publicKey)}  ${whole}`
    }),
    `Collector's keys (${trust.collectors === undefined ? 'taken from the trail: compare them with what the collector publishes' : 'as expected'}):`,
    ...trail.collectorKeys.map(({ publicKey }) => `  ${toHex(publicKey)}`),
    '',
    'verified: signatures, stream ids, readings, receipts, inclusion and roots fit each other.',
    'No reading of the period that stands in these batches is left out. It does not prove that a host',
    'told its agent the truth, nor that batches outside of the shown chain do not exist.',
    '',
  ].join('\n')
}
