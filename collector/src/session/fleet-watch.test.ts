import { ok } from '@vouch/proto/kernel/fault.ts'
import { expect, it } from 'vitest'
import { Lane } from '../intake/lane.ts'
import type { Fleet } from '../fleet/ports.ts'
import type { Hex, Logger, Telemetry } from '../ports.ts'
import { FleetWatch } from './fleet-watch.ts'
import { Sessions } from './sessions.ts'

const LIMITS = { streamsMax: 1_000, streamsPerAgentMax: 2, readings: { perSecond: 0, burst: 0 } }
const nameOf = (index: number): Hex => index.toString(16).padStart(32, '0')

function open(elsewhere: readonly Hex[]) {
  const sessions = new Sessions(LIMITS, { stream: () => undefined } as unknown as Telemetry)
  const asked: Hex[][] = []
  const fleet = {
    report: () => Promise.resolve(ok({ agents: [], elsewhere })),
    totals: () => Promise.resolve(ok({})),
  } as unknown as Fleet
  const watch = new FleetWatch({
    fleet,
    sessions,
    logger: {} as Logger,
    clock: { now: () => 0 } as ConstructorParameters<typeof FleetWatch>[0]['clock'],
    collector: 'test',
    silentAfterMs: 1_000,
    onTotals: () => undefined,
    forks: (agentIds) => {
      asked.push([...agentIds])
      return Promise.resolve(ok([]))
    },
  })
  return { sessions, watch, asked }
}

it('agents of two collectors have their turn, though all are reported again in every round', async () => {
  const all = Array.from({ length: 900 }, (_, index) => nameOf(index))
  const { watch, asked } = open(all)
  await watch.round()
  await watch.round()
  expect(new Set(asked.flat())).toEqual(new Set(all))
})

it('an agent whose history came another way is looked up, also where it has left again', async () => {
  const { sessions, watch, asked } = open([])
  const [here, left] = [1, 2].map((index) => {
    const lane = new Lane(Uint8Array.fromHex(nameOf(index)))
    lane.adopt('run', { sequence: 3n, digest: 'd3' }, undefined)
    const session = {
      lane,
      end: () => undefined,
      handOver: () => undefined,
      peer: 'here',
      refresh: () => undefined,
    }
    sessions.add(session)
    return session
  })
  sessions.remove(left!)
  await watch.round()
  expect(asked.flat().toSorted()).toEqual([nameOf(1), nameOf(2)])
  expect(here!.lane.inherited).toBe(false)
  expect(sessions.takeInherited()).toEqual([])
})
