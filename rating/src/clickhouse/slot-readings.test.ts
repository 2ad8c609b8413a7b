import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-store.ts'
import { type Sample, createTestAgent } from '../testing/test-agent.ts'
import { createTestStore } from '../testing/test-store.ts'
import { slotRuns } from '../usage/slots.ts'
import { createReader } from './reader.ts'
import { createUsageStore } from './usage-store.ts'

const SLOT_MS = 300_000
const START_MS = Date.UTC(2026, 1, 28, 20)

test('of readings at one instant a slot begins with the highest, as everything else does', async () => {
  const agent = createTestAgent('instant')
  const stream = agent.define('host:instant', 'host.disk.read', 'B', RegisterKind.COUNTER)
  const at = (slot: number, register: bigint): Sample => {
    return { stream, epoch: 1n, timeMs: START_MS + slot * SLOT_MS, register, spanMs: 0 }
  }
  const batches = [agent.seal([at(0, 0n), at(1, 10n)]), agent.seal([at(1, 17n), at(2, 20n)])]
  const engine = await createTestStore()
  await engine.define(agent, [stream])
  await engine.insert(agent, batches)
  const reader = createReader(() => engine.connect(), engine.database, 2)
  const stretch = { from: START_MS, to: START_MS + 2 * SLOT_MS }
  const { store: memory } = createMemoryStore([{ agent, streams: [stream], batches }])
  for (const store of [memory, createUsageStore(reader)]) {
    const streams = unwrap(await store.streams(['host:instant'], []))
    const { epochs } = unwrap(
      await store.slots(unwrap(await store.records(streams, stretch)), stretch, SLOT_MS),
    )
    const runs = slotRuns(epochs.get(streams[0]!.streamId)!, stretch, SLOT_MS)
    expect(runs.map(({ quantities }) => quantities)).toEqual([[17n, 3n]])
  }
  await reader.close()
  await engine.dispose()
}, 60_000)
