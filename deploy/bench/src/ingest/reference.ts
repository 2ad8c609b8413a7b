import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { batchesBlock, readingsBlock } from '@vouch/collector/ingest/blocks.ts'
import type { TableBlock } from '@vouch/collector/ingest/blocks.ts'
import type { AdmittedBatch } from '@vouch/collector/ports.ts'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { batchDigest, peekHeader } from '@vouch/proto/seal/batch.ts'
import { BODY_LIMITS, decodeBody } from '@vouch/proto/wire/body.ts'
import { startChild } from '../child.ts'
import { measure } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'
import { BATCH_READINGS } from './fleet.ts'
import type { LoadAgent } from './fleet.ts'

/** A file of rows in Native format for one table. */
export interface ReadyFile {
  readonly table: string
  readonly path: string
}

/** Readings of one insert: of 100,000 to 2,400,000 the cheapest for the engine, see README.md. */
export const REFERENCE_ROWS = 1_000_000
const PROGRAM = fileURLToPath(new URL('reference-process.ts', import.meta.url))

/** What the raw engine needs for the agents' batches from index `from` to `to`, after those before as warm-up. */
export async function measureReference(
  directory: string,
  agents: readonly LoadAgent[],
  from: number,
  to: number,
): Promise<Cost> {
  const warm = await writeFiles(directory, 'warm', inOrder(agents, 0, from))
  const measured = await writeFiles(directory, 'measured', inOrder(agents, from, to))
  const child = startChild(PROGRAM, { VOUCH_DATA_DIR: join(directory, 'clickhouse') })
  try {
    await child.ask(warm)
    return await measure(child.pid, () => child.ask(measured))
  } finally {
    await child.stop()
  }
}

/** Batches as a fleet delivers them: every agent's first, then every agent's second. */
function inOrder(agents: readonly LoadAgent[], from: number, to: number): SignedBatch[] {
  const rounds = Array.from({ length: to - from }, (_, index) => from + index)
  return rounds.flatMap((round) => agents.flatMap(({ batches }) => batches.slice(round, round + 1)))
}

async function writeFiles(
  directory: string,
  name: string,
  batches: readonly SignedBatch[],
): Promise<ReadyFile[]> {
  const groupSize = Math.ceil(REFERENCE_ROWS / BATCH_READINGS)
  const files: ReadyFile[] = []
  for (let at = 0; at < batches.length; at += groupSize) {
    const group = batches.slice(at, at + groupSize).map((batch) => admitted(batch))
    for (const block of [readingsBlock(group), batchesBlock(group)]) {
      files.push(await writeBlock(join(directory, `${name}-${at}-${block.table}.native`), block))
    }
  }
  return files
}

async function writeBlock(path: string, { table, chunks }: TableBlock): Promise<ReadyFile> {
  const file = await open(path, 'w')
  try {
    await file.writev([...chunks])
    return { table, path }
  } finally {
    await file.close()
  }
}

/** The rows that the collector makes of a batch. */
function admitted(signed: SignedBatch): AdmittedBatch {
  const header = unwrap(peekHeader(signed))
  return {
    agentId: header.agentId,
    runId: header.runId,
    sequence: header.sequence,
    digest: batchDigest(signed.header),
    previous: header.previousDigest,
    header: signed.header,
    body: signed.body,
    signature: signed.signature,
    keyId: signed.keyId,
    columns: unwrap(decodeBody(signed.body, BODY_LIMITS)),
    fault: undefined,
    chained: true,
    final: header.final,
    wallMs: Number(header.clock?.wallMs),
    receivedMs: Number(header.clock?.wallMs),
    peer: '',
  }
}
