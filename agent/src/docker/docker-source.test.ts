import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MeteringRun, factsOf } from '../metering-run.ts'
import type { Source } from '../ports.ts'
import { openSpool } from '../spool/spool.ts'
import { statesOf } from '../testing/registers.ts'
import { Scene, flat, group, parentOf, quiet, values } from './testing/scene.ts'

const A = 'a'.repeat(64)
const B = 'b'.repeat(64)

const MACHINE = {
  'sys/devices/system/cpu/online': '0-3\n',
  'proc/meminfo': 'MemTotal: 8 kB\nMemAvailable: 4 kB\n',
  'proc/77/net/dev':
    '    lo: 5 1 0 0 0 0 0 0 5 1 0\n  eth0: 70 1 0 0 0 0 0 0 80 1 0\n  eth1: 1 1 0 0 0 0 0 0 2 1 0\n',
}
const inGroup = (path: string): Record<string, string> => ({ 'proc/77/cgroup': `0::${path}\n` })

let scene: Scene
let opened: Source[] = []
beforeEach(() => {
  scene = new Scene()
  scene.write(MACHINE)
})
afterEach(async () => {
  await Promise.all(opened.map(async (each) => each.stop?.()))
  opened = []
  rmSync(scene.root, { recursive: true })
})
const source = (facts?: (key: string) => string | undefined): Source => {
  const made = scene.source(facts)
  opened.push(made)
  return made
}
describe('a container under v2', () => {
  it('H4, H5, H6: is counted in its own units, less what can go at once, with its limits or the machine', async () => {
    scene.write({
      ...group(`/docker/${A}`, 7_999_999),
      ...parentOf('/docker', 9_000_000),
      ...inGroup(`/docker/${A}`),
    })
    scene.add(A, { cpuThousandths: 1500n })
    scene.ms += 60_000
    const metered = source()
    const looks = await metered.look()
    expect(values(looks, `host:a/container:${A}`)).toEqual({
      'container.running': 60_000n,
      'container.cpu.used': 7999n,
      'container.cpu.allocated': 1500n,
      'container.memory.held': 4000n,
      'container.memory.allocated': 8192n,
      'container.disk.read': 100n,
      'container.disk.written': 200n,
      'container.network.received': 71n,
      'container.network.transmitted': 82n,
    })
    expect(values(looks, 'host:a/engine:docker')).toEqual({
      'engine.cpu.used': 9000n,
      'engine.cpu.unattributed': 1000n,
    })
    expect(flat(looks)[0]?.attributes).toEqual({ name: 'name-a', image: 'image', team: 'x' })
    expect(metered.unavailable?.()).toEqual([])
  })

  it('H8: on the network of the host it has no octets, and a reason', async () => {
    scene.write({ ...group(`/docker/${A}`, 1), ...inGroup(`/docker/${A}`) })
    scene.add(A, { networkMode: 'host' })
    const metered = source()
    expect(Object.keys(values(await metered.look(), `host:a/container:${A}`))).not.toContain(
      'container.network.received',
    )
    expect(metered.unavailable?.().map(({ meter }) => meter)).toEqual([
      'container.network.received',
      'container.network.transmitted',
    ])
  })

  it('a parent that other services share is not an engine', async () => {
    const path = `/system.slice/docker-${A}.scope`
    scene.write({ ...group(path, 5000), ...parentOf('/system.slice', 9000), ...inGroup(path) })
    scene.add(A)
    const metered = source()
    const looks = await metered.look()
    expect(values(looks, `host:a/container:${A}`)['container.cpu.used']).toBe(5n)
    expect(values(looks, 'host:a/engine:docker')).toEqual({})
    expect(metered.unavailable?.().map(({ meter }) => meter)).toEqual([
      'engine.cpu.used',
      'engine.cpu.unattributed',
    ])
  })

  it('H9: what it used last is read when its group says that it is empty', async () => {
    const path = `/docker/${A}`
    const events = `sys/fs/cgroup${path}/cgroup.events`
    scene.write({
      ...group(path, 1000),
      ...parentOf('/docker', 1000),
      ...inGroup(path),
      [events]: 'populated 1\n',
    })
    const metered = source()
    await metered.look()
    scene.ms += 100_000
    const container = scene.add(A)
    scene.tell('start', container)
    await metered.look()
    // Old enough to be read once a second.
    scene.ms += 3_600_000
    await setTimeout(50)
    scene.write({ ...group(path, 9_000_000), ...parentOf('/docker', 9_500_000) })
    scene.write({ [events]: 'populated 0\n' })
    await setTimeout(100)
    // A group that is gone cannot be read, by a file held open either.
    scene.write({ [`sys/fs/cgroup${path}/cpu.stat`]: '' })
    rmSync(join(scene.root, `sys/fs/cgroup${path}`), { recursive: true })
    scene.tell('die', container)
    const looks = await metered.look()
    const end = looks.find(({ track }) => track === `container ${A}`)
    expect(values([end!], `host:a/container:${A}`)).toMatchObject({
      'container.running': 3_600_000n,
      'container.cpu.used': 9000n,
      'container.cpu.allocated': 0n,
      'container.memory.held': 0n,
    })
    expect(values(looks, 'host:a/engine:docker')).toEqual({
      'engine.cpu.used': 9500n,
      'engine.cpu.unattributed': 500n,
    })
  })

  it('H9: a life between two looks has a look at its start and one at its end, and the track of one removed ends', async () => {
    const path = `/docker/${A}`
    scene.write({ ...group(path, 250_000), ...parentOf('/docker', 300_000), ...inGroup(path) })
    const metered = source()
    await metered.look()
    const startedMs = (scene.ms += 1000)
    const container = scene.add(A, { autoRemove: true })
    scene.tell('start', container)
    await setTimeout(60)
    scene.ms += 2000
    scene.tell('die', container)
    scene.containers.delete(A)
    scene.ms += 500
    const looks = (await metered.look()).filter(({ track }) => track === `container ${A}`)
    expect(looks.map(({ at, ends }) => [at?.monotonicMs, ends])).toEqual([
      [startedMs, undefined],
      [startedMs + 2000, true],
    ])
    const pairs = looks.map((look) => values([look], `host:a/container:${A}`))
    expect(pairs.map((each) => each['container.cpu.used'])).toEqual([0n, 250n])
    expect(pairs.map((each) => each['container.running'])).toEqual([0n, 2000n])
    expect(pairs.map((each) => each['container.memory.held'])).toEqual([4000n, 0n])
  })
})

it('H13: another process with the number of a container’s first one is not taken for it', async () => {
  const path = `/docker/${A}`
  scene.write({ ...group(path, 1000), ...parentOf('/docker', 1000), ...inGroup(path) })
  scene.add(A)
  const metered = source()
  const received = async (): Promise<bigint | undefined> =>
    values(await metered.look(), `host:a/container:${A}`)['container.network.received']
  expect(await received()).toBe(71n)
  scene.ms += 1000
  rmSync(join(scene.root, 'proc/77'), { recursive: true })
  scene.write({ 'proc/77/net/dev': '  eth0: 9999 1 0 0 0 0 0 0 9999 1 0\n' })
  expect(await received()).toBe(71n)
})

describe('an engine', () => {
  it.each([
    ['EACCES', 'FORBIDDEN'],
    ['ENOENT', 'UNAVAILABLE'],
  ])('that cannot be used (%s) is one fault: %s', async (code, fault) => {
    scene.refuses = Object.assign(new Error('connect'), { code })
    const metered = source()
    await metered.look()
    const faults = metered.faults?.() ?? []
    expect(faults.map((each) => each.code)).toEqual([fault])
    expect(faults[0]?.message).toContain('/run/engine.sock')
  })

  it('that is away leaves the groups of known containers to be read', async () => {
    const path = `/docker/${A}`
    scene.write({ ...group(path, 1_000_000), ...parentOf('/docker', 2_000_000), ...inGroup(path) })
    scene.add(A)
    const first = await source().look()
    scene.refuses = new Error('away')
    scene.ms += 10_000
    scene.write(group(path, 4_000_000))
    const facts = first.at(-1)?.facts
    const looks = await source((key) => facts?.get(key)).look()
    expect(values(looks, `host:a/container:${A}`)).toMatchObject({
      'container.cpu.used': 4000n,
      'container.running': 10_000n,
    })
  })
})

it('H10: readings of a restarted container are of two epochs, and of a restarted agent of one', async () => {
  const path = `/docker/${B}`
  scene.write({ ...group(path, 1_000_000), ...parentOf('/docker', 5_000_000), ...inGroup(path) })
  const spool = unwrap(openSpool(':memory:', { bytesMax: 1e6, ageMaxMs: 1e9 }, scene.wallMs()))
  const signer = signerOf(generateKeys().privateKey)
  const run = (): MeteringRun =>
    new MeteringRun(
      {
        agentId: new Uint8Array(16),
        agentVersion: '1',
        spool,
        clock: scene,
        sources: [source(factsOf(spool))],
        logger: quiet,
        signer: () => signer,
      },
      10_000,
    )
  const epochs = (): number[] => {
    const own = spool.definitions(0, 100).flatMap(({ definition: { kind, meter, streamId } }) => {
      const isCounter = kind === RegisterKind.COUNTER && meter.startsWith('container.')
      return isCounter ? [streamId.toHex()] : []
    })
    const states = new Map(statesOf(spool.registerPages()).map(({ id, state }) => [id.toHex(), state]))
    const counters = own.flatMap((id) => states.get(id) ?? [])
    expect(counters).toHaveLength(6)
    return [...new Set(counters.map(({ epoch }) => epoch))]
  }
  scene.add(B)
  const first = run()
  await first.look()
  unwrap(first.seal(true))
  const before = epochs()
  scene.ms += 10_000
  const second = run()
  await second.look()
  unwrap(second.seal())
  expect(epochs()).toEqual(before)
  expect(before).toHaveLength(1)
  scene.ms += 1000
  scene.tell('die', scene.containers.get(B)!)
  scene.ms += 1000
  const again = scene.add(B)
  scene.tell('start', again)
  scene.ms += 8000
  await second.look()
  unwrap(second.seal())
  expect(epochs()).toEqual([again.startedMs])
  expect(second.faults()).toEqual([])
})
