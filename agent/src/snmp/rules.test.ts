import { afterEach, expect, it } from 'vitest'
import { TAG, compareOids } from './ber.ts'
import { PDU } from './message.ts'
import { COLUMN } from './mib.ts'
import { Rig, row } from './testing/rig.ts'
import type { RigOptions } from './testing/rig.ts'
import type { Row } from './testing/responder.ts'

const rigs: Rig[] = []
afterEach(() => Promise.all(rigs.splice(0).map((rig) => rig.close())))

function rigOf(rows: Readonly<Record<number, Row>>, options: RigOptions = {}): Rig {
  const rig = new Rig(options)
  rigs.push(rig)
  for (const [index, each] of Object.entries(rows)) rig.responder.rows.set(Number(index), each)
  return rig
}

/** Polls, lets time pass, polls again with the interface as it is then. */
async function twice(rig: Rig, index: number, later: Row, ms = 60_000, ticks = ms / 10): Promise<void> {
  await rig.poll()
  rig.pass(ms, ticks).responder.rows.set(index, later)
  await rig.poll()
}

const W = 2n ** 32n

it('S1: a 32-bit counter that wraps once is continued where the interface cannot fill it twice', async () => {
  const rig = rigOf({
    1: row('a', W - 1000n, { narrow: true, mbits: 100, counters: [W - 1000n, 7n, 1n, 1n] }),
  })
  await twice(rig, 1, row('a', 0n, { narrow: true, mbits: 100, counters: [500n, 9n, 2n, 2n] }))
  expect([rig.usage('a'), rig.usage('a', 'octets.out'), rig.flags('a')]).toEqual([1500n, 2n, []])
})

it.each([
  ['which at this speed may wrap twice', 1000, 'COUNTER_UNMEASURABLE'],
  ['of unknown speed', 0, 'COUNTER_UNMEASURABLE'],
])('S1: a 32-bit counter %s is unmeasurable', async (_, mbits, code) => {
  const rig = rigOf({ 1: row('a', 1000n, { narrow: true, mbits }) })
  await twice(rig, 1, row('a', 2000n, { narrow: true, mbits }))
  expect([rig.usage('a'), rig.flags('a')]).toEqual([0n, ['unmeasurable']])
  expect(rig.device.faults).toMatchObject([{ code }])
})

it('S1: a configured speed makes a 32-bit counter measurable', async () => {
  const rig = rigOf(
    { 1: row('a', 1000n, { narrow: true, mbits: 0 }) },
    { speeds: new Map([['a', 10_000_000n]]) },
  )
  await twice(rig, 1, row('a', 2000n, { narrow: true, mbits: 0 }))
  expect([rig.usage('a'), rig.flags('a')]).toEqual([1000n, []])
})

it('S2: a falling 64-bit counter is a reset and no wrap', async () => {
  const rig = rigOf({ 1: row('a', 5_000_000n) })
  await twice(rig, 1, row('a', 4_000_000n))
  expect([rig.usage('a'), rig.flags('a')]).toEqual([0n, ['reset']])
  rig.pass(60_000).responder.rows.set(1, row('a', 4_000_300n))
  await rig.poll()
  expect([rig.usage('a'), rig.usage('a', 'packets.in'), rig.flags('a')]).toEqual([300n, 3n, []])
})

it('S3: the first reading is a baseline', async () => {
  const rig = rigOf({ 1: row('a', 123_456n) })
  await rig.poll()
  expect([rig.usage('a'), rig.flags('a')]).toEqual([0n, ['baseline']])
  expect(rig.device.faults).toEqual([])
})

it('S4: a discontinuity opens a new life, and nothing is counted across it', async () => {
  const rig = rigOf({ 1: row('a', 1000n, { discontinuity: 5 }) })
  await twice(rig, 1, row('a', 9000n, { discontinuity: 777 }))
  expect([rig.usage('a'), rig.flags('a')]).toEqual([0n, ['discontinuity']])
  expect(rig.device.faults).toMatchObject([{ code: 'COUNTER_DISCONTINUOUS' }])
  const oids = rig.responder.asked.at(-1)!.varbinds.map(({ oid }) => oid)
  expect(oids.some((oid) => compareOids(oid, [...COLUMN.ifCounterDiscontinuityTime, 1]) === 0)).toBe(true)
})

it('S5: sysUpTime that went back with counters that fell is a restart', async () => {
  const rig = rigOf({ 1: row('a', 5000n) })
  await twice(rig, 1, row('a', 800n), 60_000, -900_000)
  expect([rig.usage('a'), rig.flags('a')]).toEqual([0n, ['restart']])
})

it('S5: sysUpTime that wraps after 497 days is none', async () => {
  const rig = rigOf({ 1: row('a', 5000n, { narrow: true, mbits: 10 }) })
  rig.responder.uptime = 2 ** 32 - 3000
  await twice(rig, 1, row('a', 5800n, { narrow: true, mbits: 10 }))
  expect([rig.usage('a'), rig.flags('a'), rig.responder.uptime]).toEqual([800n, [], 3000])
})

it('S5: after a restart a 32-bit counter has begun anew, whatever it reads', async () => {
  const rig = rigOf({ 1: row('a', 5000n, { narrow: true, mbits: 10 }) })
  await twice(rig, 1, row('a', 5800n, { narrow: true, mbits: 10 }), 60_000, -900_000)
  expect([rig.usage('a'), rig.flags('a')]).toEqual([0n, ['restart']])
})

it('S6: where only the SNMP agent restarted, the counters went on and count', async () => {
  const rig = rigOf({ 1: row('a', 5000n) })
  rig.responder.hrSystemUptime = 9_000_000
  await twice(rig, 1, row('a', 5800n), 60_000, -900_000)
  expect([rig.usage('a'), rig.flags('a')]).toEqual([800n, ['restart-continued']])
  expect(rig.device.faults).toMatchObject([{ code: 'COUNTER_DISCONTINUOUS' }])
})

it('S6: where the device itself restarted, counters that look higher count nothing', async () => {
  const rig = rigOf({ 1: row('a', 5000n) })
  rig.responder.hrSystemUptime = 3000
  await twice(rig, 1, row('a', 5800n), 60_000, -900_000)
  expect([rig.usage('a'), rig.flags('a')]).toEqual([0n, ['restart']])
})

it('S6: packets that a restarted agent shows as 0 beside octets are not read, and count once they are', async () => {
  const rig = rigOf({ 1: row('a', 5000n) })
  await twice(rig, 1, row('a', 5800n, { counters: [5800n, 11_000n, 0n, 0n] }), 60_000, -900_000)
  expect([rig.usage('a'), rig.usage('a', 'packets.in'), rig.flags('a')]).toEqual([
    800n,
    0n,
    ['restart-continued'],
  ])
  rig.pass(60_000).responder.rows.set(1, row('a', 6000n))
  await rig.poll()
  expect([rig.usage('a'), rig.usage('a', 'packets.in'), rig.flags('a')]).toEqual([1000n, 10n, []])
})

it('S8: a bundle is not metered beside its members, nor a sub-interface beside its trunk', async () => {
  const rig = rigOf({ 1: row('a', 10n), 2: row('b', 10n), 3: row('bundle', 20n), 4: row('bundle.7', 20n) })
  rig.responder.stack = [
    [0, 4],
    [4, 3],
    [3, 1],
    [3, 2],
    [1, 0],
    [2, 0],
  ]
  const look = await rig.poll()
  expect(new Set(look!.samples.map(({ resource }) => resource))).toEqual(
    new Set(['device:edge/interface:a', 'device:edge/interface:b']),
  )
})

it('S8: what is named as billed is metered alone, and never twice', async () => {
  const billed = ['bundle', 'a', 'c']
  const rig = rigOf(
    { 1: row('a', 10n), 3: row('bundle', 20n), 4: row('c', 1n), 5: row('d', 1n) },
    { choice: { include: ['*'], exclude: [], billed } },
  )
  rig.responder.stack = [[3, 1]]
  await rig.poll()
  expect([rig.flags('bundle'), rig.flags('d')]).toEqual([undefined, undefined])
  expect([rig.flags('a'), rig.flags('c')]).toEqual([['baseline'], ['baseline']])
  expect(rig.device.faults).toMatchObject([{ code: 'INTERFACE_AMBIGUOUS' }])
})

it('S9: octets are taken as they stand, framing included', async () => {
  const rig = rigOf({ 1: row('a', 0n) })
  await twice(rig, 1, row('a', 2n ** 30n + 1n))
  expect(rig.usage('a')).toBe(2n ** 30n + 1n)
})

it.each([true, false])(
  'S10: ten rows are asked for, and half as many where that is too much (said: %s)',
  async (said) => {
    const rig = rigOf({})
    for (let index = 1; index <= 40; index++)
      rig.responder.rows.set(index, row(`p${index}`, BigInt(index) * 100n))
    rig.responder.octetsMax = 900
    rig.responder.saysTooBig = said
    await rig.poll()
    rig.pass(60_000)
    const look = await rig.poll()
    expect(look!.samples).toHaveLength(160)
    const bulks = rig.responder.asked.filter(({ type }) => type === PDU.GET_BULK)
    expect(bulks.slice(0, 2).map(({ errorIndex }) => errorIndex)).toEqual([10, 5])
    expect(rig.usage('p40')).toBe(0n)
  },
)

it('a device that answered is asked for counters at once; one that is away, once for all and once for a little', async () => {
  const rig = rigOf({})
  for (let index = 1; index <= 8; index++) rig.responder.rows.set(index, row(`p${index}`, 100n))
  await twice(rig, 1, row('p1', 200n))
  const asked = async (): Promise<number[]> => {
    rig.responder.asked.length = 0
    await rig.pass(60_000).poll()
    return rig.responder.asked.map(({ varbinds }) => varbinds.length)
  }
  // sysUpTime, ifTableLastChange; of each interface its name, its discontinuity and four counters.
  const everything = 2 + 8 * 6
  expect(await asked()).toEqual([everything])
  rig.responder.isSilent = true
  expect(await asked()).toEqual([everything, 2])
  expect(await asked()).toEqual([2])
  rig.responder.isSilent = false
  expect(await asked()).toEqual([2, everything])
  expect(await asked()).toEqual([everything])
})

it('S11: identifiers that do not ascend end the walk', async () => {
  const rig = rigOf({ 1: row('a', 10n) })
  rig.responder.script = (asked, answer) => {
    if (asked.type !== PDU.GET_BULK) return answer
    const [first] = answer.varbinds
    return { ...answer, varbinds: answer.varbinds.map((each, at) => (at < 6 ? each : { ...first! })) }
  }
  await rig.poll()
  expect(rig.responder.asked.length).toBeLessThan(10)
  expect(rig.device.faults).toContainEqual({
    code: 'DEVICE_MALFORMED',
    message: 'edge: its identifiers do not ascend',
  })
})

it('S11: a table without end is cut off', async () => {
  const rig = rigOf({ 1: row('a', 10n) })
  rig.responder.script = (asked, answer) => {
    if (asked.type !== PDU.GET_BULK) return answer
    const { oid } = asked.varbinds[0]!
    const next = oid.length === COLUMN.ifDescr.length ? [...oid, 1] : [...oid.slice(0, -1), oid.at(-1)! + 1]
    const varbinds = Array.from({ length: 500 }, (_, at) => ({
      oid: [...next.slice(0, -1), next.at(-1)! + Math.floor(at / asked.varbinds.length)],
      tag: TAG.INTEGER,
      value: 1n,
    }))
    return { ...answer, varbinds: asked.varbinds.length === 1 ? varbinds : [] }
  }
  await rig.poll()
  expect(rig.device.faults.map(({ code }) => code)).toContain('DEVICE_MALFORMED')
}, 20_000)

it('S13: what a device counts out of reach is one delta when it is back', async () => {
  const rig = rigOf({ 1: row('a', 1000n) })
  await rig.poll()
  rig.responder.isSilent = true
  for (let missed = 0; missed < 3; missed++) expect(await rig.pass(60_000).poll()).toBeUndefined()
  expect(rig.device.faults).toEqual([{ code: 'DEVICE_UNREACHABLE', message: 'edge does not answer' }])
  expect(rig.usage('a')).toBe(0n)
  rig.responder.isSilent = false
  rig.pass(60_000).responder.rows.set(1, row('a', 4000n))
  await rig.poll()
  expect([rig.usage('a'), rig.flags('a'), rig.looks.length]).toEqual([3000n, [], 2])
  expect(rig.device.faults).toEqual([])
})

it('S14: the time of a look is that of the answer by the clock that never steps', async () => {
  const rig = rigOf({ 1: row('a', 0n) })
  await twice(rig, 1, row('a', 3_780_000_000n), 302_400)
  const [first, second] = rig.looks
  expect(second!.at!.monotonicMs - first!.at!.monotonicMs).toBe(302_400)
  expect(rig.usage('a')).toBe(3_780_000_000n)
})

it('S14: sysUpTime that runs ahead of the clock is no restart that loses anything', async () => {
  const rig = rigOf({ 1: row('a', 10n) })
  await twice(rig, 1, row('a', 20n), 60_000, 9000)
  expect([rig.usage('a'), rig.flags('a')]).toEqual([10n, ['restart-continued']])
})

it.each([
  [7_875_000n, [], 7_875_000n],
  [7_875_001n, ['implausible'], 0n],
])('S15: %s octets in a minute at 1 Mbit/s are %j', async (octets, flags, usage) => {
  const rig = rigOf({ 1: row('a', 0n, { mbits: 1 }) })
  await twice(rig, 1, row('a', 0n, { mbits: 1, counters: [octets, 0n, 0n, 0n] }))
  expect([rig.usage('a'), rig.flags('a')]).toEqual([usage, flags])
})

it('S15: a configured speed judges what the device says is slower, and no speed judges nothing', async () => {
  const rig = rigOf(
    { 1: row('a', 0n, { mbits: 1 }), 2: row('b', 0n, { mbits: 0 }) },
    { speeds: new Map([['a', 1_000_000_000n]]) },
  )
  await rig.poll()
  rig
    .pass(60_000)
    .responder.rows.set(1, row('a', 10n ** 9n))
    .set(2, row('b', 10n ** 15n))
  await rig.poll()
  expect([rig.usage('a'), rig.usage('b')]).toEqual([10n ** 9n, 10n ** 15n])
})
