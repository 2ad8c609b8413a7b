import type { Look } from '../../ports.ts'
import { MeterBook } from '../../reading/meter-book.ts'
import { RegisterFile } from '../../reading/register-file.ts'
import { Timeline } from '../../reading/moment.ts'
import type { Instant } from '../../reading/moment.ts'
import { observed } from '../../testing/registers.ts'
import { Session } from '../client.ts'
import { Device } from '../device.ts'
import type { DeviceOptions } from '../device.ts'
import type { KeptDevice } from '../device-state.ts'
import type { Flag } from '../interface-account.ts'
import { communitySecurity } from '../security.ts'
import type { Security } from '../security.ts'
import { UdpSockets } from '../udp.ts'
import { Responder } from './responder.ts'
import type { Row } from './responder.ts'

/** What is not the usual of a device under test. */
export type RigOptions = Partial<Omit<DeviceOptions, 'session' | 'name'>> & {
  readonly security?: Security
  readonly kept?: KeptDevice
  readonly timeoutMs?: number
}

const EVERYTHING = { include: ['*'], exclude: [], billed: [] }

/** An interface with octets in, twice as many out, and a packet for a hundred of them. */
export function row(name: string, octets: bigint, more: Partial<Row> = {}): Row {
  return { name, counters: [octets, octets * 2n, octets / 100n, octets / 50n], ...more }
}

/** A responder, the device as the agent polls it, and time that passes only when told to. */
export class Rig {
  readonly responder = new Responder()
  readonly sockets = new UdpSockets()
  readonly looks: Look[] = []
  readonly #options: RigOptions
  #device: Device | undefined
  #nowMs = 5_000_000

  constructor(options: RigOptions = {}) {
    this.#options = options
  }

  /** The device, once it was polled. */
  get device(): Device {
    if (this.#device === undefined) throw new Error('poll first')
    return this.#device
  }

  now = (): Instant => ({
    wallMs: 1_800_000_000_000 + this.#nowMs,
    monotonicMs: this.#nowMs,
    boottimeMs: this.#nowMs,
  })

  /** Time passes for both sides, or for the agent alone. */
  pass(ms: number, ticks = ms / 10): this {
    this.#nowMs += ms
    this.responder.uptime = (this.responder.uptime + ticks) % 2 ** 32
    return this
  }

  /** Polls once. */
  async poll(): Promise<Look | undefined> {
    this.#device ??= await this.#connect(this.#options.kept)
    const look = await this.#device.poll()
    if (look !== undefined) this.looks.push(look)
    return look
  }

  /** What happened in the last poll to an interface, or to a meter of a profile; undefined = it was not metered. */
  flags(name: string): readonly Flag[] | undefined {
    const noted = this.device.noted.find(({ port }) => port === name)
    const samples = this.looks.at(-1)?.samples ?? []
    const isMetered = samples.some(({ meter, resource }) => {
      const [, rest = ''] = resource.split('device:edge/')
      return [rest.replace('interface:', ''), meter, `${meter} of ${rest}`].includes(name)
    })
    return noted?.flags ?? (isMetered ? [] : undefined)
  }

  /** Usage of a meter as the agent's registers have it: the sum over all epochs of last minus first. */
  usage(port: string, meter = 'octets.in'): bigint {
    return usageOf(this.looks, `/interface:${port}`, `interface.${meter}`)
  }

  async close(): Promise<void> {
    this.responder.close()
    await this.sockets.close()
  }

  async #connect(kept?: KeptDevice): Promise<Device> {
    const port = await this.responder.listen()
    const { profiles = [], speeds = new Map(), cadenceMs = 60_000, timeoutMs = 150 } = this.#options
    const choice = 'choice' in this.#options ? this.#options.choice : EVERYTHING
    const session = new Session({
      name: 'edge',
      address: { host: '127.0.0.1', port },
      security: this.#options.security ?? communitySecurity(Buffer.from('public')),
      sockets: this.sockets,
      timeoutMs,
      retries: 0,
      now: this.now,
    })
    return new Device({ name: 'edge', choice, speeds, profiles, cadenceMs, session }, kept)
  }
}

/** The sum over all epochs of last minus first register. */
export function usageOf(looks: readonly Look[], resourceEnd: string, meter: string): bigint {
  const [agentId, runId, bootId] = [new Uint8Array(16), new Uint8Array(16), new Uint8Array(16)]
  const [book, timeline] = [new MeterBook({ agentId, runId, bootId }, new RegisterFile()), new Timeline()]
  const epochs = new Map<string, { readonly first: bigint; readonly last: bigint }>()
  for (const { at, cadenceMs = 60_000, samples, track = '' } of looks) {
    const moment = timeline.next(track, at!, cadenceMs)
    if (moment === undefined) continue
    const wanted = samples.filter((each) => each.meter === meter && each.resource.endsWith(resourceEnd))
    for (const { epoch, register } of observed(book, wanted, moment).readings)
      epochs.set(`${epoch}`, { first: epochs.get(`${epoch}`)?.first ?? register, last: register })
  }
  return [...epochs.values()].reduce((sum, { first, last }) => sum + last - first, 0n)
}
