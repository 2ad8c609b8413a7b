import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { afterEach, describe, expect, it } from 'vitest'
import { TAG } from './ber.ts'
import { readState, writeState } from './device-state.ts'
import { builtInText, readYaml } from './profile-files.ts'
import type { BUILT_IN } from './profile-files.ts'
import { readProfile } from './profile.ts'
import type { Profile } from './profile.ts'
import { Rig, usageOf } from './testing/rig.ts'
import type { RigOptions } from './testing/rig.ts'

const rigs: Rig[] = []
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close()
})

function profileOf(content: JsonValue): Profile {
  const faults: Fault[] = []
  const profile = readProfile(content, '', faults)
  expect(faults).toEqual([])
  return profile!
}

const builtIn = (name: (typeof BUILT_IN)[number]): Profile =>
  profileOf(unwrap(readYaml(name, builtInText(name))))

function rigOf(profile: Profile, more: RigOptions = {}): Rig {
  const rig = new Rig({ choice: undefined, profiles: [profile], ...more })
  rigs.push(rig)
  return rig
}

const set = (rig: Rig, oid: string, value: bigint, tag: number = TAG.INTEGER): void =>
  void rig.responder.objects.set(oid, { tag, value })
const name = (rig: Rig, oid: string, text: string): void =>
  void rig.responder.objects.set(oid, { tag: TAG.OCTET_STRING, value: Buffer.from(text) })
const messages = ({ device }: Rig): string[] => device.faults.map(({ message }) => message)

const OUTPUT = '1.3.6.1.2.1.33.1.4.4.1.4'
const ENERGY = '1.3.6.1.4.1.318.1.1.26.4.3.1.9'
const ups = builtIn('ups')
const pdu = builtIn('apc-rpdu2')

describe('power of a UPS', () => {
  it('is summed to joules, line by line', async () => {
    const rig = rigOf(ups)
    set(rig, `${OUTPUT}.1`, 500n)
    set(rig, `${OUTPUT}.2`, 7n)
    await rig.poll()
    set(rig, `${OUTPUT}.1`, 900n)
    await rig.pass(60_000).poll()
    await rig.pass(60_000).poll()
    const joules = (line: string) =>
      usageOf(rig.looks, `device:edge/output-line:${line}`, 'ups.output.energy')
    expect([joules('1'), joules('2')]).toEqual([500n * 60n + 900n * 60n, 7n * 120n])
    expect(messages(rig)).toEqual([
      'edge: it has nothing for ups.input.energy at 1.3.6.1.2.1.33.1.3.3.1.5, which its profile names',
    ])
  })

  it('below 0, or of another type than the profile says, is told and not metered', async () => {
    const rig = rigOf(ups)
    set(rig, `${OUTPUT}.1`, -1n)
    set(rig, `${OUTPUT}.2`, 5n, TAG.GAUGE32)
    name(rig, `${OUTPUT}.3`, 'watts')
    expect((await rig.poll())?.samples).toEqual([])
    for (const line of ['1', '2', '3'])
      expect(messages(rig)).toContain(
        `edge: ups.output.energy of output-line:${line} is not what its profile says: INTEGER, not below 0`,
      )
  })
})

describe('energy that a PDU counts', () => {
  const joules = (rig: Rig): bigint => usageOf(rig.looks, 'device:edge/pdu:1', 'pdu.energy')
  const rigAt = async (tenths: bigint): Promise<Rig> => {
    const rig = rigOf(pdu)
    set(rig, `${ENERGY}.1`, tenths)
    await rig.poll()
    return rig
  }

  it('is exact in joules', async () => {
    const rig = await rigAt(170_982n)
    set(rig, `${ENERGY}.1`, 170_985n)
    await rig.pass(60_000).poll()
    expect(joules(rig)).toBe(3n * 360_000n)
  })

  it('goes on over a reboot of the device, which keeps it', async () => {
    const rig = await rigAt(100n)
    rig.pass(60_000)
    rig.responder.uptime = 500
    rig.responder.hrSystemUptime = 500
    set(rig, `${ENERGY}.1`, 102n)
    await rig.poll()
    expect(rig.flags('pdu.energy of pdu:1')).toEqual(['restart-continued'])
    expect(joules(rig)).toBe(720_000n)
  })

  it('begins a new life where somebody reset it', async () => {
    const rig = await rigAt(100n)
    set(rig, `${ENERGY}.1`, 2n)
    await rig.pass(60_000).poll()
    expect(rig.flags('pdu.energy of pdu:1')).toEqual(['reset'])
    set(rig, `${ENERGY}.1`, 3n)
    await rig.pass(60_000).poll()
    expect(joules(rig)).toBe(360_000n)
  })

  it('goes on in another run of the agent', async () => {
    const rig = await rigAt(100n)
    const text = writeState('boot', rig.device.kept)
    const next = rigOf(pdu, { kept: readState(text, 'boot') })
    set(next, `${ENERGY}.1`, 104n)
    await next.pass(30_000).poll()
    expect(next.flags('pdu.energy of pdu:1')).toEqual([])
    expect(usageOf([...rig.looks, ...next.looks], 'device:edge/pdu:1', 'pdu.energy')).toBe(4n * 360_000n)
  })
})

describe('a 32-bit counter of a profile', () => {
  const COUNTER = '1.3.6.1.4.1.99.1.0'
  const jobs = (perSecondMax: string) =>
    profileOf({
      profile: 'jobs',
      tables: [
        {
          meters: {
            'printer.pages': { oid: COUNTER, type: 'Counter32', kind: 'counter', unit: '1', perSecondMax },
          },
        },
      ],
    })
  const over = async (perSecondMax: string, first: bigint, then: bigint): Promise<Rig> => {
    const rig = rigOf(jobs(perSecondMax))
    set(rig, COUNTER, first, TAG.COUNTER32)
    await rig.poll()
    set(rig, COUNTER, then, TAG.COUNTER32)
    await rig.pass(60_000).poll()
    return rig
  }

  it.each([
    ['wraps once where it cannot wrap twice', '1000', 2n ** 32n - 5n, 10n, 15n, []],
    ['means nothing where it can wrap twice', '100000000', 2n ** 32n - 5n, 10n, 0n, ['unmeasurable']],
    ['means nothing where it grew by more than it can', '1000', 5n, 70_000n, 0n, ['implausible']],
  ])('%s', async (_, perSecondMax, first, then, pages, flags) => {
    const rig = await over(perSecondMax, first, then)
    expect(usageOf(rig.looks, 'device:edge', 'printer.pages')).toBe(pages)
    expect(rig.flags('printer.pages')).toEqual(flags)
  })

  it('that the device does not have is told: absent is not zero', async () => {
    const rig = rigOf(jobs('1000'))
    set(rig, '1.3.6.1.4.1.98.1.0', 1n)
    expect(await rig.poll()).toMatchObject({ samples: [] })
    expect(messages(rig)).toEqual([
      `edge: it has nothing for printer.pages at ${COUNTER}, which its profile names`,
    ])
  })
})

describe('rows that a profile names', () => {
  const [TYPE, DESCR, UNITS, SIZE, USED] = [2, 3, 4, 5, 6].map((column) => `1.3.6.1.2.1.25.2.3.1.${column}`)
  const FIXED_DISK = [1, 3, 6, 1, 2, 1, 25, 2, 1, 4]
  const disk = (rig: Rig, index: number, label: string, used: bigint, type = FIXED_DISK): void => {
    rig.responder.objects.set(`${TYPE}.${index}`, { tag: TAG.OID, value: type })
    name(rig, `${DESCR}.${index}`, label)
    set(rig, `${UNITS}.${index}`, 4096n)
    set(rig, `${SIZE}.${index}`, 1000n)
    set(rig, `${USED}.${index}`, used)
  }
  const used = (rig: Rig): Record<string, bigint> =>
    Object.fromEntries(
      rig.looks
        .at(-1)!
        .samples.filter(({ meter }) => meter === 'device.storage.used')
        .map(({ resource, value }) => [resource.replace('device:edge/storage:', ''), value]),
    )

  it('are those of the wanted kind, by name and not by index, in octets', async () => {
    const rig = rigOf(builtIn('storage'))
    disk(rig, 1, 'Physical memory', 9n, [1, 3, 6, 1, 2, 1, 25, 2, 1, 2])
    disk(rig, 31, '/', 10n)
    disk(rig, 32, '/var', 20n)
    await rig.poll()
    expect(used(rig)).toEqual({ '%2F': 40_960n, '%2Fvar': 81_920n })
    disk(rig, 31, '/var', 21n)
    disk(rig, 32, '/', 11n)
    await rig.pass(60_000).poll()
    expect(used(rig)).toEqual({ '%2F': 45_056n, '%2Fvar': 86_016n })
    expect(messages(rig)).toEqual([])
  })

  it('of one name are told and not metered', async () => {
    const rig = rigOf(builtIn('storage'))
    disk(rig, 1, '/', 1n)
    disk(rig, 2, '/', 2n)
    disk(rig, 3, '/home', 3n)
    await rig.poll()
    expect(used(rig)).toEqual({ '%2Fhome': 12_288n })
    expect(messages(rig)).toEqual(['edge: 2 rows of the profile storage are named /; none is metered'])
  })

  it('that go are no longer metered, and those that come are with the next inventory', async () => {
    const rig = rigOf(builtIn('storage'))
    disk(rig, 1, '/', 1n)
    disk(rig, 2, '/gone', 2n)
    await rig.poll()
    for (const column of [TYPE, DESCR, UNITS, SIZE, USED]) rig.responder.objects.delete(`${column}.2`)
    await rig.pass(60_000).poll()
    expect(used(rig)).toEqual({ '%2F': 4096n })
    disk(rig, 3, '/new', 3n)
    await rig.pass(900_000).poll()
    expect(used(rig)).toEqual({ '%2F': 4096n, '%2Fnew': 12_288n })
  })

  it('are read in smaller questions where an answer would be too large', async () => {
    const rig = rigOf(builtIn('storage'))
    for (let index = 1; index <= 30; index += 1) disk(rig, index, `/srv/${index}`, BigInt(index))
    rig.responder.octetsMax = 484
    rig.responder.saysTooBig = true
    await rig.poll()
    expect(Object.keys(used(rig))).toHaveLength(30)
  })
})

it('interfaces and profiles of one device are read in one poll, and one that fails costs no other', async () => {
  const rig = rigOf(ups, { choice: { include: ['*'], exclude: [], billed: [] } })
  rig.responder.rows.set(1, { name: 'a', counters: [1n, 2n, 3n, 4n] })
  set(rig, `${OUTPUT}.1`, 5n)
  const look = await rig.poll()
  expect(look?.samples.map(({ meter }) => meter)).toEqual(
    expect.arrayContaining(['interface.octets.in', 'ups.output.energy']),
  )
  rig.responder.script = (asked, answer) =>
    asked.varbinds.some(({ oid }) => oid.join('.').startsWith('1.3.6.1.2.1.33.'))
      ? { ...answer, errorStatus: 5 }
      : answer
  const after = await rig.pass(60_000).poll()
  expect(after?.samples.map(({ meter }) => meter)).toContain('interface.octets.in')
  expect(rig.device.faults.map(({ code }) => code)).toContain('DEVICE_MALFORMED')
  rig.responder.script = undefined
  expect((await rig.pass(60_000).poll())?.samples.map(({ meter }) => meter)).toContain('ups.output.energy')
})
