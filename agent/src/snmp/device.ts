import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { Look } from '../ports.ts'
import type { Answer, Session } from './client.ts'
import { lastAtOf, nothingKept, pack, unpack } from './device-state.ts'
import type { KeptDevice } from './device-state.ts'
import { isRestarted } from './interface-account.ts'
import { InterfacePart } from './interface-part.ts'
import { PDU } from './message.ts'
import { SCALAR } from './mib.ts'
import type { Noted, Part, PartRead } from './part.ts'
import type { PortChoice } from './ports.ts'
import { ProfilePart } from './profile-part.ts'
import type { Profile } from './profile.ts'
import { readFrame, ticksOf } from './row-poll.ts'
import type { AnswerFrame } from './row-poll.ts'
import { tellFlags } from './tell.ts'

/** What is metered of a device. */
export interface DeviceOptions {
  readonly name: string
  /** Which interfaces; undefined = none. */
  readonly choice: PortChoice | undefined
  /** Bits a second of interfaces that say something else, or nothing. */
  readonly speeds: ReadonlyMap<string, bigint>
  readonly profiles: readonly Profile[]
  readonly cadenceMs: number
  readonly session: Pick<Session, 'ask' | 'now'>
}

const TICK_MS = 10

/** One device, poll by poll. */
export class Device {
  readonly #options: DeviceOptions
  readonly #parts: readonly Part[]
  #packed: Uint8Array<ArrayBuffer>
  #frame: AnswerFrame | undefined
  #isRebooted = false
  #faults: readonly Fault[] = []
  #noted: readonly Noted[] = []
  #isReachable = true

  constructor(options: DeviceOptions, kept: KeptDevice = nothingKept()) {
    const { choice, profiles } = options
    this.#options = options
    this.#packed = pack(kept)
    this.#parts = [
      ...(choice === undefined ? [] : [new InterfacePart({ ...options, choice })]),
      ...(profiles.length === 0 ? [] : [new ProfilePart(options)]),
    ]
  }

  /** Whether the last poll brought anything. */
  get isReachable(): boolean {
    return this.#isReachable
  }

  /** What is wrong since the last poll. */
  get faults(): readonly Fault[] {
    return this.#faults
  }

  /** What the last poll noted; mostly nothing. */
  get noted(): readonly Noted[] {
    return this.#noted
  }

  /** Everything as last read, until the next poll. */
  get kept(): Uint8Array {
    return this.#packed
  }

  /** Polls once. undefined = nothing was read, and nothing is said about the time in between. */
  async poll(): Promise<Look | undefined> {
    this.#noted = []
    const polled = await this.#poll()
    this.#isReachable = polled.ok
    if (polled.ok) return polled.value
    this.#faults = [polled.fault]
    return undefined
  }

  async #poll(): Promise<Result<Look | undefined>> {
    const kept = unpack(this.#packed)
    if (!this.#isReachable) for (const part of this.#parts) part.beginAnew()
    this.#isRebooted = false
    // Every answer says how the device is; it is asked for that alone where it may be out of reach, or is to be looked up.
    const isWell = this.#isReachable && this.#parts.every(({ isSettled }) => isSettled)
    const first = isWell ? undefined : await this.#askFrame(kept)
    if (first?.ok === false) return first
    const reads: PartRead[] = []
    const faults: Fault[] = []
    for (const part of this.#parts) {
      const read = await this.#read(part, kept)
      if (read.ok) reads.push(read.value)
      else if (read.fault.code === 'DEVICE_UNREACHABLE' || this.#parts.length === 1) return read
      else faults.push(read.fault)
    }
    if (isWell && reads.every(({ frames }) => frames.length === 0)) {
      const only = await this.#askFrame(kept)
      if (!only.ok) return only
    }
    this.#faults = faults
    const last = reads.findLast((read) => read.last !== undefined)?.last
    const look = this.#count(reads, last, kept)
    this.#packed = pack(kept, this.#packed)
    return ok(look)
  }

  async #askFrame(kept: KeptDevice): Promise<Result<void>> {
    const read = await readFrame(this.#options.session, this.#options.name)
    if (!read.ok) return read
    await this.#noteFrame(read.value.frame, kept)
    return ok(undefined)
  }

  /** What changed while it was read is read once more, under the names of now. */
  async #read(part: Part, kept: KeptDevice): Promise<Result<PartRead>> {
    const once = async (): Promise<Result<PartRead>> => {
      const read = await part.read(this.#options.session.now().boottimeMs, kept)
      if (read.ok) for (const frame of read.value.frames) await this.#noteFrame(frame, kept)
      return read
    }
    const read = await once()
    return read.ok && !part.isSettled ? once() : read
  }

  /** Looks whether the device restarted or changed since the last frame. */
  async #noteFrame(frame: AnswerFrame, kept: KeptDevice): Promise<void> {
    const before = this.#frame?.at ?? lastAtOf(kept)
    const wasChanged = this.#frame !== undefined && this.#frame.lastChange !== frame.lastChange
    this.#frame = frame
    const isRestart = before !== undefined && isRestarted(before, frame.at)
    if (wasChanged || isRestart) for (const part of this.#parts) part.forget(isRestart)
    if (!isRestart) return
    const answer = await this.#options.session.ask({ type: PDU.GET, oids: [SCALAR.hrSystemUptime] })
    const ticks = answer.ok ? ticksOf(answer.value.varbinds[0]) : undefined
    if (ticks !== undefined && ticks * TICK_MS < frame.at.sentMs - before.receivedMs) this.#isRebooted = true
  }

  #count(reads: readonly PartRead[], last: Answer | undefined, kept: KeptDevice): Look | undefined {
    const { cadenceMs, name } = this.#options
    const facts = { isRebooted: this.#isRebooted, wallMs: last?.received.wallMs ?? 0 }
    const counted = reads.map((read) => read.count(facts, kept))
    this.#noted = counted.flatMap(({ noted }) => noted)
    this.#faults = [
      ...this.#faults,
      ...counted.flatMap((each) => each.faults),
      ...tellFlags(name, this.#noted),
    ]
    if (last === undefined) return undefined
    const samples = counted.flatMap((each) => each.samples)
    return { samples, at: last.received, track: `device:${name}`, cadenceMs }
  }
}
