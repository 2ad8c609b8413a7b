import { fromHex } from '@vouch/proto/kernel/bytes.ts'
import { type Result, fail, ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Reading } from '../usage/boundary.ts'
import type { Stream } from '../usage/stream-usage.ts'
import { type Reader, type Row, bigintOf, integerOf, textOf } from './reader.ts'
import { type ReadingKey, digestsQuery, readingsQuery } from './usage-query.ts'

const READINGS_PER_QUERY = 500

/** Rows at one instant: the lowest register serves as the reading after, the highest as the one before. */
export interface ReadingsAt {
  readonly low: Reading
  readonly high: Reading
}

/** The name of the readings of an epoch at an instant. */
export function readingKey(streamId: string, epoch: bigint, timeMs: number): string {
  return `${streamId} ${epoch} ${timeMs}`
}

/** The readings at exactly these times, by {@link readingKey}. Faults: STORE_UNAVAILABLE, EVIDENCE_MISSING where one has gone. */
export async function readReadings(
  reader: Reader,
  streams: readonly Stream[],
  keys: readonly ReadingKey[],
): Promise<Result<ReadonlyMap<string, ReadingsAt>>> {
  const agents = new Map(streams.map(({ streamId, agentId }) => [streamId, agentId]))
  const found = new Map<string, { low: Reading; high: Reading }>()
  for (let i = 0; i < keys.length; i += READINGS_PER_QUERY) {
    const rows = await reader.rows(readingsQuery(keys.slice(i, i + READINGS_PER_QUERY)))
    if (!rows.ok) return rows
    const digests = await readDigests(reader, rows.value, agents)
    if (!digests.ok) return digests
    for (const row of rows.value) {
      const timeMs = integerOf(row, 'timeMs')
      const batchDigest = digests.value.get(`${textOf(row, 'runId')} ${textOf(row, 'sequence')}`)!
      const reading = { batchDigest, row: integerOf(row, 'row'), timeMs, register: bigintOf(row, 'register') }
      const key = readingKey(textOf(row, 'streamId'), bigintOf(row, 'epoch'), timeMs)
      found.set(key, { low: found.get(key)?.low ?? reading, high: reading })
    }
  }
  const gone = keys.find(({ stream, epoch, timeMs }) => !found.has(readingKey(stream, epoch, timeMs)))
  if (gone !== undefined)
    return fail(
      'EVIDENCE_MISSING',
      `the reading of stream ${gone.stream} at ${formatInstant(gone.timeMs)} has gone`,
    )
  return ok(found)
}

async function readDigests(
  reader: Reader,
  rows: readonly Row[],
  agents: ReadonlyMap<string, string>,
): Promise<Result<Map<string, Uint8Array>>> {
  const digests = new Map<string, Uint8Array>()
  const places = new Map(
    rows.map((row) => {
      const run = textOf(row, 'runId')
      const sequence = bigintOf(row, 'sequence')
      return [`${run} ${sequence}`, { agent: agents.get(textOf(row, 'streamId'))!, run, sequence }]
    }),
  )
  if (places.size === 0) return ok(digests)
  const answer = await reader.rows(digestsQuery([...places.values()]))
  if (!answer.ok) return answer
  for (const row of answer.value) {
    digests.set(`${textOf(row, 'runId')} ${textOf(row, 'sequence')}`, unwrap(fromHex(textOf(row, 'digest'))))
  }
  const missing = [...places].find(([key]) => !digests.has(key))
  if (missing === undefined) return ok(digests)
  const { run, sequence } = missing[1]
  return fail(
    'EVIDENCE_MISSING',
    `the archive has no batch ${sequence} of run ${run}, which holds readings in use`,
  )
}
