import { setTimeout } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { createSystemClock } from '../host/clock.ts'
import type { Look, Source } from '../ports.ts'
import type { DeviceConfig } from './config.ts'
import { readState, unpack, writeState } from './device-state.ts'
import { communitySecurity } from './security.ts'
import { createSnmpSource } from './snmp-source.ts'
import { Responder } from './testing/responder.ts'
import { Rig, usageOf } from './testing/rig.ts'

const open: { close(): unknown }[] = []
const sources: Source[] = []
afterEach(async () => {
  await Promise.all(sources.splice(0).map(async (source) => source.stop?.()))
  for (const each of open.splice(0)) await each.close()
})

async function configOf(name: string, responder: Responder, cadenceMs = 100): Promise<DeviceConfig> {
  open.push(responder)
  const port = await responder.listen()
  const choice = { include: ['*'], exclude: [], billed: [] }
  const security = communitySecurity(Buffer.from('public'))
  const common = { security, cadenceMs, timeoutMs: 100, retries: 0, choice, speeds: new Map(), profiles: [] }
  return { name, address: { host: '127.0.0.1', port }, ...common }
}

function sourceOf(devices: readonly DeviceConfig[], facts: ReadonlyMap<string, string> = new Map()): Source {
  const source = createSnmpSource({ devices, clock: createSystemClock(), facts: (key) => facts.get(key) })
  sources.push(source)
  return source
}

async function looksOf(source: Source, until: (looks: readonly Look[]) => boolean): Promise<Look[]> {
  const looks: Look[] = []
  while (!until(looks)) {
    looks.push(...(await source.look()))
    await setTimeout(10)
  }
  return looks
}

function responderOf(octets: bigint): Responder {
  const responder = new Responder()
  const startedMs = performance.now()
  Object.defineProperty(responder, 'uptime', {
    get: () => 5000 + Math.round((performance.now() - startedMs) / 10),
  })
  responder.rows.set(1, { name: 'a', counters: [octets, 0n, 0n, 0n] })
  return responder
}

it('devices that do not answer, or answer slowly, delay no other', async () => {
  const good = responderOf(1n)
  const silent = Array.from({ length: 5 }, () => Object.assign(responderOf(1n), { isSilent: true }))
  const configs = await Promise.all(silent.map((responder, index) => configOf(`silent-${index}`, responder)))
  const source = sourceOf([...configs, await configOf('good', good)])
  const looks = await looksOf(source, (found) => found.length >= 8)
  const times = looks.map(({ at }) => at!.monotonicMs)
  expect(new Set(looks.map(({ track }) => track))).toEqual(new Set(['device:good']))
  // A poll never waits for the 100 ms that each silent device takes.
  expect(times.at(-1)! - times[0]!).toBeLessThan(7 * 100 + 90)
  expect(source.faults?.().map(({ message }) => message)).toContain('silent-3 does not answer')
})

it('hands looks over as they come, those that were not taken first', async () => {
  const source = sourceOf([await configOf('edge', responderOf(1n), 30)])
  const [offered, taken]: [Set<Look>, Look[]] = [new Set(), []]
  let [isTaking, offers] = [false, 0]
  source.handOver!((look) => {
    offers += 1
    offered.add(look)
    if (isTaking) taken.push(look)
    return isTaking
  })
  await source.look()
  // What is not taken is offered again before anything newer.
  await expect.poll(() => offers).toBeGreaterThan(2)
  expect(offered.size).toBe(1)
  isTaking = true
  await expect.poll(() => taken.length).toBeGreaterThan(4)
  expect(await source.look()).toEqual([])
  expect(taken[0]).toBe([...offered][0])
  const times = taken.map(({ at }) => at!.monotonicMs)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(new Set(taken).size).toBe(taken.length)
})

it('goes on after a restart of the agent from what was kept with the last look', async () => {
  const responder = responderOf(1000n)
  const config = await configOf('edge', responder)
  const first = sourceOf([config])
  const before = await looksOf(first, (found) => found.length >= 2)
  await first.stop?.()
  const facts = new Map([...before.at(-1)!.facts!].map(([key, value]) => [key, value!]))
  responder.rows.set(1, { name: 'a', counters: [1500n, 0n, 0n, 0n] })
  const after = await looksOf(sourceOf([config], facts), (found) => found.length >= 2)
  expect(usageOf([...before, ...after], '/interface:a', 'interface.octets.in')).toBe(500n)
  const forgotten = await looksOf(sourceOf([config]), (found) => found.length >= 1)
  expect(forgotten[0]!.samples[0]!.life).not.toBe(before[0]!.samples[0]!.life)
})

it('what was kept is read back, but not in another boot of this host', async () => {
  const rig = new Rig()
  open.push(rig)
  rig.responder.rows.set(1, { name: 'a', alias: 'x', narrow: true, counters: [1n, 2n, 3n, 4n] })
  rig.responder.rows.set(2, { name: 'b', counters: [5n, 6n] })
  await rig.poll()
  const kept = unpack(rig.device.kept)
  expect(
    [...kept.ports].map(([name, { identity, state }]) => [
      name,
      identity.alias,
      state.counters.map((each) => each?.value),
    ]),
  ).toEqual([
    ['a', 'x', [1n, 2n, 3n, 4n]],
    ['b', '', [5n, 6n, undefined, undefined]],
  ])
  const text = writeState('boot', rig.device.kept)
  expect(readState(text, 'boot')).toEqual(kept)
  const cut = writeState('boot', rig.device.kept.subarray(0, 90))
  for (const other of [undefined, '', '{', 'boot', 'boot !', cut, writeState('other', rig.device.kept)]) {
    const { counters, ports } = readState(other, 'boot')
    expect([ports.size, counters.size]).toEqual([0, 0])
  }
})
