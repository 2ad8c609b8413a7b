import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { fromBinary } from '@bufbuild/protobuf'
import { createAgent, readAgentConfig } from '@vouch/agent/index.ts'
import type { Collector } from '@vouch/collector/index.ts'
import { SignedBatchSchema, StreamDefinitionSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { signerOf } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'

/** The batches of one run of an agent, in order. */
export interface CapturedRun {
  readonly runId: Uint8Array
  readonly batches: readonly SignedBatch[]
}

/** What an agent had in its spool, and what it takes to deliver that in its name. */
export interface Capture {
  readonly agentId: Uint8Array
  readonly signer: Signer
  readonly definitions: readonly StreamDefinition[]
  readonly runs: readonly CapturedRun[]
  /** Holds every reading, epoch milliseconds. */
  readonly fromMs: number
  readonly toMs: number
}

const RUNS = 3
const BATCHES_PER_RUN = 7
const LOOK_EVERY_MS = 60
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/**
 * Enrols an agent, stops the collector, and lets the agent meter this machine over several runs, so
 * that all it seals stays in its spool. Returns a copy.
 */
export async function captureBatches(collector: Collector, resource: string): Promise<Capture> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-capture-'))
  try {
    const { address } = await collector.start()
    const token = await collector.tokens.create({ ttlMs: 60_000 })
    const environment = {
      VOUCH_TLS: 'off',
      VOUCH_AGENT_STATE_DIR: directory,
      VOUCH_AGENT_COLLECTOR: address,
      VOUCH_AGENT_RESOURCE: resource,
      VOUCH_AGENT_SCOPE: 'machine',
      VOUCH_AGENT_CADENCE_MS: '1000',
      VOUCH_AGENT_STOP_TIMEOUT_MS: '0',
    }
    const config = unwrap(readAgentConfig(environment))
    const fromMs = Date.now()
    let agentId = new Uint8Array()
    for (let run = 0; run < RUNS; run++) {
      const agent = createAgent({ config, token, logger: silent })
      await agent.open()
      await collector.stop()
      agentId = new Uint8Array(agent.status().agentId)
      for (let look = 0; look < (BATCHES_PER_RUN - 1) * 2; look++) {
        await agent.sampleOnce()
        if (look % 2 === 1) unwrap(agent.sealBatch())
        await sleep(LOOK_EVERY_MS)
      }
      await agent.stop()
    }
    const signer = signerOf(await readFile(join(directory, 'agent.key')))
    return { agentId, signer, ...readSpool(join(directory, 'spool.sqlite')), fromMs, toMs: Date.now() + 1 }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function readSpool(file: string): Pick<Capture, 'definitions' | 'runs'> {
  const spool = new DatabaseSync(file, { readOnly: true })
  try {
    const all = (sql: string, column: string): Uint8Array[] =>
      spool
        .prepare(sql)
        .all()
        .map((row) => row[column] as Uint8Array)
    const runs = all('SELECT run FROM batches GROUP BY run ORDER BY min(id)', 'run').map((runId) => {
      const rows = spool.prepare('SELECT signed FROM batches WHERE run = ? ORDER BY sequence').all(runId)
      return { runId, batches: rows.map(({ signed }) => fromBinary(SignedBatchSchema, signed as Uint8Array)) }
    })
    const definitions = all('SELECT definition FROM streams ORDER BY id', 'definition')
    return { runs, definitions: definitions.map((bytes) => fromBinary(StreamDefinitionSchema, bytes)) }
  } finally {
    spool.close()
  }
}
