import { join } from 'node:path'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import { startEngine } from '../engine.ts'
import type { EngineProcess } from '../engine.ts'
import type { LoadAgent } from '../load/agent.ts'
import { measure } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'
import { BATCH, BATCH_READINGS } from './shape.ts'

/** Rows in a file, ready to be inserted. */
interface ReadyFile {
  readonly table: string
  readonly path: string
  readonly names: string
}

/** Batches of every agent: sequence `from` to `to`, both included. */
interface Range {
  readonly from: number
  readonly to: number
}

/** Readings of one insert: as many as a group of ours has at most. */
export const REFERENCE_ROWS = 1_000_000
const DATABASE = 'vouch'

/**
 * What the raw engine needs to insert the rows that the collector has stored under `stored`, after those of the
 * warm-up. Throws INTERNAL where what is stored is not what the agents sent.
 */
export async function measureReference(
  stored: string,
  scratch: string,
  agents: readonly LoadAgent[],
  warmBatches: number,
  allBatches: number,
): Promise<Cost> {
  const exporter = startEngine(stored)
  let warm: ReadyFile[]
  let measured: ReadyFile[]
  try {
    await compare(exporter, agents, { from: 1, to: allBatches })
    warm = await exportRange(exporter, scratch, agents.length, { from: 1, to: warmBatches })
    measured = await exportRange(exporter, scratch, agents.length, { from: warmBatches + 1, to: allBatches })
  } finally {
    await exporter.stop()
  }
  const engine = startEngine(join(scratch, 'engine'))
  try {
    await engine.migrate(DATABASE)
    await engine.run(warm.map((file) => insertion(file)))
    return await measure(engine.child.pid, () => engine.run(measured.map((file) => insertion(file))))
  } finally {
    await engine.stop()
  }
}

function insertion({ table, path, names }: ReadyFile): string {
  return `INSERT INTO ${DATABASE}.${table} (${names}) SELECT ${names} FROM file('${path}', 'Native')
    SETTINGS insert_deduplicate = 0, async_insert = 0`
}

/** Writes the rows of a range to files, in the order of arrival, one insert's worth each. */
async function exportRange(
  engine: EngineProcess,
  scratch: string,
  agents: number,
  { from, to }: Range,
): Promise<ReadyFile[]> {
  const files: ReadyFile[] = []
  const batches = agents * (to - from + 1)
  const perFile = Math.ceil(REFERENCE_ROWS / BATCH_READINGS)
  for (let offset = 0; offset < batches; offset += perFile) {
    for (const [table, order, rowsPerBatch] of [
      ['segments', 'sequence, run, first_row', BATCH.streams],
      ['batches', 'sequence, run', 1],
    ] as const) {
      const path = join(scratch, `${table}-${from}-${offset}.native`)
      const names = await namesOf(engine, table)
      await engine.run([
        `INSERT INTO FUNCTION file('${path}', 'Native') SELECT ${names} FROM ${DATABASE}.${table}
         WHERE sequence BETWEEN ${from} AND ${to} ORDER BY ${order}
         LIMIT ${perFile * rowsPerBatch} OFFSET ${offset * rowsPerBatch}`,
      ])
      files.push({ table, path, names })
    }
  }
  return files
}

async function namesOf(engine: EngineProcess, table: string): Promise<string> {
  const columns = await engine.select<{ name: string }>(
    `SELECT name FROM system.columns WHERE database = '${DATABASE}' AND table = '${table}'
     AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY position`,
  )
  return columns.map(({ name }) => `\`${name}\``).join(', ')
}

/** Compares every batch as it is stored, its readings summed up, with what its agent sent. */
async function compare(
  engine: EngineProcess,
  agents: readonly LoadAgent[],
  { from, to }: Range,
): Promise<void> {
  const rows = await engine.select<{ chain: string; place: string; content: string }>(
    `SELECT lower(hex(run)) AS chain, toString(sequence) AS place,
       concat(toString(count()), ' ', toString(sum(register * reinterpretAsUInt32(substring(stream, 1, 4)))), ' ',
         toString(sum(register * toUInt64(toUnixTimestamp64Milli(time))))) AS content
     FROM ${DATABASE}.readings_v1 WHERE sequence BETWEEN ${from} AND ${to} GROUP BY run, sequence`,
  )
  const stored = new Map(rows.map(({ chain, place, content }) => [`${chain} ${place}`, content]))
  let batches = 0
  for (const agent of agents) {
    const run = agent.runId.toHex()
    for (let sequence = from; sequence <= to; sequence++) {
      const sent = contentOf(agent.body(sequence))
      const found = stored.get(`${run} ${sequence}`)
      if (found !== sent) {
        throwFault('INTERNAL', `batch ${sequence} of run ${run} was sent as ${sent} and stored as ${found}`)
      }
      batches++
    }
  }
  if (batches !== rows.length)
    throwFault('INTERNAL', `${rows.length} batches are stored, ${batches} were sent`)
}

/** Count and two sums, in 64 bits, that bind registers to streams and to times, as the query writes them. */
function contentOf(body: Uint8Array): string {
  const { streamIds, segmentStream, segmentRows, register, timeMs } = unwrap(decodeBody(body))
  const ids = new DataView(streamIds.buffer)
  let byStream = 0n
  let byTime = 0n
  let row = 0
  segmentRows.forEach((rows, segment) => {
    const id = BigInt(ids.getUint32((segmentStream[segment] ?? 0) * 16, true))
    for (const end = row + rows; row < end; row++) {
      byStream += (register[row] ?? 0n) * id
      byTime += (register[row] ?? 0n) * (timeMs[row] ?? 0n)
    }
  })
  return `${timeMs.length} ${BigInt.asUintN(64, byStream)} ${BigInt.asUintN(64, byTime)}`
}
