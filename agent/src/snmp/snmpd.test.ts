import { createSocket } from 'node:dgram'
import { readFileSync, statfsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSystemClock } from '../host/clock.ts'
import type { Look } from '../ports.ts'
import type { Instant } from '../reading/moment.ts'
import { Session } from './client.ts'
import { parseDevices } from './config.ts'
import { Device } from './device.ts'
import { unpack } from './device-state.ts'
import { PASSPHRASES, Snmpd, absentOf, ip } from './testing/snmpd.ts'
import { usageOf } from './testing/rig.ts'
import { UdpSockets } from './udp.ts'

const absent = absentOf(false)
const absentForTraffic = absentOf(true)
for (const what of new Set([absent, absentForTraffic]))
  if (what !== '' && process.env['CI'] === 'true') throw new Error(`${what} is absent`)
const named = (what: string): string => (what === '' ? '' : ` (${what} is absent)`)

const clock = createSystemClock()
const now = (): Instant => ({
  wallMs: clock.wallMs(),
  monotonicMs: clock.monotonicMs(),
  boottimeMs: clock.boottimeMs(),
})
const sockets = new UdpSockets()
afterAll(() => sockets.close())

const V2C = { version: '2c', community: 'public' } as const
const v3 = (bits: string, passphrases: object = PASSPHRASES) => ({
  version: 3,
  user: `vouch${bits}`,
  auth: `sha${bits}`,
  ...passphrases,
})

/** The device as a configuration file describes it. */
function deviceOf(address: string, more: object, interfaces: object = {}): Device {
  const entry = { name: 'edge', address, timeoutMs: 1000, ...more, interfaces }
  const [config] = unwrap(parseDevices({ devices: [JSON.parse(JSON.stringify(entry))] }, () => expect.fail()))
  const { name, retries, security, timeoutMs } = config!
  const session = new Session({ name, address: config!.address, security, sockets, timeoutMs, retries, now })
  return new Device({ ...config!, session })
}

async function answered(device: Device): Promise<Look> {
  for (;;) {
    const look = await device.poll()
    if (look !== undefined) return look
    await setTimeout(100)
  }
}

function valueOf({ samples }: Look, port: string, meter: string): bigint | undefined {
  return samples.find((each) => each.resource.endsWith(`:${port}`) && each.meter === meter)?.value
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  socket.close()
  return port
}

describe.skipIf(absent !== '')(`Debian's snmpd${named(absent)}`, () => {
  let daemon: Snmpd
  let address = ''
  beforeAll(async () => {
    address = `127.0.0.1:${await freePort()}`
    daemon = new Snmpd(address)
    daemon.start()
    await answered(deviceOf(address, V2C))
  })
  afterAll(() => daemon.dispose())

  it.each([
    ['2c', V2C],
    ['3 with SHA-224', v3('224')],
    ['3 with SHA-256', v3('256')],
    ['3 with SHA-384', v3('384')],
    ['3 with SHA-512', v3('512')],
  ])('counts the loopback between two readings of the kernel under version %s', async (_, how) => {
    const device = deviceOf(address, how, { include: ['lo'] })
    const look = await answered(device)
    const kernel = BigInt(readFileSync('/sys/class/net/lo/statistics/rx_bytes', 'utf8').trim())
    const value = valueOf(look, 'lo', 'interface.octets.in')!
    expect(value > 0n && value <= kernel).toBe(true)
    expect(device.faults).toEqual([])
    expect(look.samples.map(({ meter }) => meter)).toContain('interface.octets.out')
  })

  it('has sizes and uptime of its host under the profiles host-resources and storage', async () => {
    const device = deviceOf(address, { ...V2C, profiles: ['host-resources', 'storage'] })
    const look = await answered(device)
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
    const memory = /^MemTotal: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
    const values = new Map(look.samples.map(({ resource, meter, value }) => [`${resource} ${meter}`, value]))
    expect(Number(values.get('device:edge device.uptime'))).toBeLessThanOrEqual(uptime)
    expect(Number(values.get('device:edge device.uptime'))).toBeGreaterThan(uptime - 10)
    expect(values.get('device:edge/memory:Physical%20memory device.memory.allocated')).toBe(
      BigInt(memory!) * 1024n,
    )
    const root = statfsSync('/', { bigint: true })
    expect(values.get('device:edge/storage:%2F device.storage.allocated')).toBe(root.bsize * root.blocks)
  })

  it.each([
    ['S12: a wrong authentication passphrase', v3('256', { ...PASSPHRASES, authPassphrase: 'wrong-wrong' })],
    ['S12: a wrong privacy passphrase', v3('256', { ...PASSPHRASES, privacyPassphrase: 'wrong-wrong' })],
    ['S12: an unknown user', { ...v3('256'), user: 'nobody' }],
  ])('%s is told apart from silence', async (what, how) => {
    const device = deviceOf(address, { ...how, timeoutMs: 200, retries: 0 })
    expect(await device.poll()).toBeUndefined()
    const code = what.includes('privacy') ? /DEVICE_(REFUSED|UNREACHABLE)/ : /DEVICE_REFUSED/
    expect(device.faults[0]?.code).toMatch(code)
  })
})

describe.skipIf(absentForTraffic !== '')(`a device with traffic${named(absentForTraffic)}`, () => {
  const tag = `vouch${process.pid % 100_000}`
  const [device, other] = [`${tag}d`, `${tag}o`]
  const address = '198.18.77.2:16161'
  const daemon = new Snmpd(address, device)
  const inside = (namespace: string, ...command: string[]): string =>
    ip('netns', 'exec', namespace, ...command)
  const kernel = (what: string): bigint =>
    BigInt(inside(device, 'cat', `/sys/class/net/port/statistics/${what}`).trim())

  beforeAll(() => {
    for (const namespace of [device, other]) {
      ip('netns', 'add', namespace)
      inside(namespace, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6')
    }
    ip('link', 'add', `${tag}m`, 'type', 'veth', 'peer', 'name', 'manage', 'netns', device)
    ip('address', 'add', '198.18.77.1/30', 'dev', `${tag}m`)
    ip('link', 'set', `${tag}m`, 'up')
    ip('-n', device, 'address', 'add', '198.18.77.2/30', 'dev', 'manage')
    ip('-n', device, 'link', 'set', 'manage', 'up')
    plug()
    daemon.start()
  })
  afterAll(async () => {
    await daemon.dispose()
    for (const namespace of [device, other]) ip('netns', 'delete', namespace)
  })

  /** A port with counters at zero. */
  const plug = (): void => {
    ip('-n', device, 'link', 'add', 'port', 'type', 'veth', 'peer', 'name', 'port', 'netns', other)
    ip('-n', device, 'address', 'add', '10.255.77.1/30', 'dev', 'port')
    ip('-n', other, 'address', 'add', '10.255.77.2/30', 'dev', 'port')
    for (const namespace of [device, other]) ip('-n', namespace, 'link', 'set', 'port', 'up')
  }

  /** Polls until counters are those of the kernel: the daemon keeps them for some seconds. */
  const settle = async (metered: Device, looks: Look[]): Promise<void> => {
    const startedMs = performance.now()
    for (;;) {
      const look = await answered(metered)
      looks.push(look)
      if (valueOf(look, 'port', 'interface.octets.in') === kernel('rx_bytes')) break
      if (performance.now() - startedMs > 60_000) break
      await setTimeout(500)
    }
  }

  const push = (octets: number): void => {
    const script = `const s = require('node:dgram').createSocket('udp4'); let n = ${octets}
      const next = () => n <= 0 ? s.close() : s.send(Buffer.alloc(Math.min(n, 1000)), 9, '10.255.77.1', () => { n -= 1000; next() })
      next()`
    inside(other, process.execPath, '-e', script)
  }

  it.each([
    ['2c', V2C],
    ['3', v3('256')],
  ])(
    'is counted to the octet, across a restart of the daemon, under version %s',
    async (_, how) => {
      const metered = deviceOf(address, how, { billed: ['port'] })
      const looks: Look[] = []
      await settle(metered, looks)
      const before = { in: kernel('rx_bytes'), out: kernel('tx_bytes'), packets: kernel('rx_packets') }
      push(300_000)
      await settle(metered, looks)
      push(200_000)
      await daemon.stop()
      expect(await metered.poll()).toBeUndefined()
      daemon.start()
      await answered(metered).then((look) => looks.push(look))
      expect(metered.noted).toEqual([{ port: 'port', flags: ['restart-continued'] }])
      push(100_000)
      await settle(metered, looks)
      const usage = (meter: string): bigint => usageOf(looks, ':port', `interface.${meter}`)
      expect(usage('octets.in')).toBeGreaterThan(600_000n)
      expect(usage('octets.in')).toBe(kernel('rx_bytes') - before.in)
      expect(usage('octets.out')).toBe(kernel('tx_bytes') - before.out)
      expect(usage('packets.in')).toBe(kernel('rx_packets') - before.packets)
      expect(new Set(looks.flatMap(({ samples }) => samples.map(({ life }) => life))).size).toBe(1)
    },
    120_000,
  )

  it('shows no spike after its counters are reset', async () => {
    const metered = deviceOf(address, V2C, { billed: ['port'] })
    const looks: Look[] = []
    await settle(metered, looks)
    const before = kernel('rx_bytes')
    push(150_000)
    await settle(metered, looks)
    const counted = kernel('rx_bytes') - before
    ip('-n', device, 'link', 'delete', 'port')
    plug()
    const anew: Look[] = []
    await settle(metered, anew)
    const life = unpack(metered.kept).ports.get('port')?.state.life
    const baseline = anew.find(({ samples }) => samples.some((each) => each.life === life?.toString(36)))
    push(50_000)
    await settle(metered, anew)
    const since = kernel('rx_bytes') - valueOf(baseline!, 'port', 'interface.octets.in')!
    expect(since).toBeGreaterThan(50_000n)
    expect(usageOf([...looks, ...anew], ':port', 'interface.octets.in')).toBe(counted + since)
  }, 120_000)
})
