import { create } from '@bufbuild/protobuf'
import { LossReason, LossSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestAgent } from '../testing/test-agent.ts'
import { openTestArchive } from '../testing/test-archive.ts'
import type { TestArchive } from '../testing/test-archive.ts'
import { findForks } from './forks.ts'

const NOW_MS = Date.UTC(2026, 10, 24)
const SAMPLES = [{ timeMs: NOW_MS - 1_000, register: 1n }]
const OTHERS = [{ timeMs: NOW_MS - 1_000, register: 2n }]
const NOTHING = new Uint8Array()

let vouch: TestArchive
beforeAll(async () => {
  vouch = await openTestArchive()
})
afterAll(() => vouch.dispose())

/** What an agent and its copy send after the first batch: whether it is a fork. */
const HISTORIES: readonly (readonly [
  string,
  (agent: TestAgent) => ReturnType<TestAgent['seal']>[],
  boolean,
])[] = [
  ['a second batch and a second run', (agent) => [agent.seal(OTHERS), next(agent)], false],
  [
    'another batch in the same place',
    (agent) => [agent.seal(OTHERS, { sequence: 1n, previous: NOTHING })],
    true,
  ],
  [
    'two runs that follow the same batch',
    (agent) => {
      const { previous } = agent
      return [next(agent), next(agent, { previous })]
    },
    true,
  ],
  ['another first batch of its life', (agent) => [next(agent, { previous: NOTHING })], true],
  [
    'a first batch that admits a lost spool',
    (agent) => {
      const loss = create(LossSchema, { fromMs: 1n, toMs: 2n, reason: LossReason.SPOOL_CORRUPT })
      return [next(agent, { previous: NOTHING, losses: [loss], wallMs: NOW_MS })]
    },
    false,
  ],
]

function next(agent: TestAgent, options = {}): ReturnType<TestAgent['seal']> {
  agent.restart()
  return agent.seal(OTHERS, options)
}

it.each(HISTORIES)('%s', async (_, history, isFork) => {
  const agent = await vouch.enrol()
  await vouch.store([agent.seal(SAMPLES), ...history(agent)], NOW_MS)
  const id = agent.agentId.toHex()
  const client = await vouch.connect()
  expect(unwrap(await findForks(client, vouch.database, [id], NOW_MS))).toEqual(isFork ? [id] : [])
  expect(unwrap(await findForks(client, vouch.database, [id], NOW_MS + 1))).toEqual([])
})

const WITHIN_MS = NOW_MS + 10_000
const AFTER_MS = NOW_MS + 10_001

/** Two batches, a beginning anew at NOW_MS, and what comes when: whether it is a fork. */
const AFTER_A_LOSS: readonly (readonly [
  string,
  number,
  (agent: TestAgent, old: Uint8Array, oldRun: Uint8Array) => ReturnType<TestAgent['seal']>[],
  boolean,
])[] = [
  ['a run that follows the old history', AFTER_MS, (agent, old) => [next(agent, { previous: old })], true],
  [
    'the old run going on',
    AFTER_MS,
    (agent, old, runId) => [agent.seal(OTHERS, { runId, sequence: 3n, previous: old })],
    true,
  ],
  [
    'the old run in flight',
    WITHIN_MS,
    (agent, old, runId) => [
      agent.seal(OTHERS, { runId, sequence: 3n, previous: old, wallMs: NOW_MS - 1_000 }),
    ],
    false,
  ],
  [
    'the old run sealed on, at once',
    NOW_MS + 1,
    (agent, old, runId) => [agent.seal(OTHERS, { runId, sequence: 3n, previous: old, wallMs: NOW_MS + 1 })],
    true,
  ],
  ['the new history and its later runs', AFTER_MS, (agent) => [agent.seal(OTHERS), next(agent)], false],
]

it.each(AFTER_A_LOSS)('after a lost spool: %s', async (_, laterMs, history, isFork) => {
  const agent = await vouch.enrol()
  await vouch.store([agent.seal(SAMPLES), agent.seal(OTHERS)], NOW_MS - 3_600_000)
  const { previous, runId } = agent
  const loss = create(LossSchema, { fromMs: 1n, toMs: 2n, reason: LossReason.SPOOL_CORRUPT })
  await vouch.store([next(agent, { previous: NOTHING, losses: [loss], wallMs: NOW_MS })], NOW_MS)
  await vouch.store(history(agent, previous, runId), laterMs)
  const id = agent.agentId.toHex()
  const client = await vouch.connect()
  expect(unwrap(await findForks(client, vouch.database, [id], NOW_MS))).toEqual(isFork ? [id] : [])
})

it('a beginning that was set aside, and then was taken, counts', async () => {
  const agent = await vouch.enrol()
  await vouch.store([agent.seal(SAMPLES)], NOW_MS)
  const other = next(agent, { previous: NOTHING })
  const id = agent.agentId.toHex()
  const client = await vouch.connect()
  await vouch.store([other], NOW_MS, fail('CHAIN_BROKEN', 'follows nothing').fault)
  expect(unwrap(await findForks(client, vouch.database, [id], NOW_MS))).toEqual([])
  await vouch.store([other], NOW_MS + 1)
  expect(unwrap(await findForks(client, vouch.database, [id], NOW_MS))).toEqual([id])
})
