import { create } from '@bufbuild/protobuf'
import { LossReason, LossSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
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
      return [next(agent, { previous: NOTHING, losses: [loss] })]
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
