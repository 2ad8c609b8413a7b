import { IdIndex } from './id-index.ts'
import type { Register } from './register.ts'

/** Some registers that stand together, as they are kept on disk. */
export interface RegisterPage {
  readonly number: number
  readonly bytes: Uint8Array
}

/** A register that is kept, and under which number. */
export interface KeptRegister {
  readonly stream: number
  /** 16 bytes. */
  readonly id: Uint8Array
  /** When it was read last, epoch milliseconds. */
  readonly timeMs: number
}

/** Octets of a stream's id. */
const ID_OCTETS = 16
/** Where each value of a record stands; all little-endian, times as doubles, which hold whole milliseconds exactly. */
const AT = {
  life: 16,
  epoch: 24,
  timeMs: 32,
  boottimeMs: 40,
  register: 48,
  remainder: 56,
  /** From here on nothing holds beyond the process. */
  level: 64,
  monotonicMs: 72,
  look: 80,
} as const
const RECORD_OCTETS = 88
/** Registers of a page, of which one fills a page of the database. */
const PAGE_REGISTERS = 45
const PAGE_OCTETS = PAGE_REGISTERS * RECORD_OCTETS

/** A register where it stands in a page: one object for all of them, so that reading many makes none. */
class RegisterRecord implements Register {
  #view: DataView = new DataView(new ArrayBuffer(RECORD_OCTETS))
  #at = 0

  of(view: DataView, at: number): this {
    this.#view = view
    this.#at = at
    return this
  }

  get life(): bigint {
    return this.#view.getBigUint64(this.#at + AT.life, true)
  }
  set life(value: bigint) {
    this.#view.setBigUint64(this.#at + AT.life, value, true)
  }

  get epoch(): number {
    return this.#view.getFloat64(this.#at + AT.epoch, true)
  }
  set epoch(value: number) {
    this.#view.setFloat64(this.#at + AT.epoch, value, true)
  }

  get timeMs(): number {
    return this.#view.getFloat64(this.#at + AT.timeMs, true)
  }
  set timeMs(value: number) {
    this.#view.setFloat64(this.#at + AT.timeMs, value, true)
  }

  get boottimeMs(): number {
    return this.#view.getFloat64(this.#at + AT.boottimeMs, true)
  }
  set boottimeMs(value: number) {
    this.#view.setFloat64(this.#at + AT.boottimeMs, value, true)
  }

  get register(): bigint {
    return this.#view.getBigUint64(this.#at + AT.register, true)
  }
  set register(value: bigint) {
    this.#view.setBigUint64(this.#at + AT.register, value, true)
  }

  get remainder(): bigint {
    return this.#view.getBigUint64(this.#at + AT.remainder, true)
  }
  set remainder(value: bigint) {
    this.#view.setBigUint64(this.#at + AT.remainder, value, true)
  }

  get level(): bigint {
    return this.#view.getBigUint64(this.#at + AT.level, true)
  }
  set level(value: bigint) {
    this.#view.setBigUint64(this.#at + AT.level, value, true)
  }

  get monotonicMs(): number {
    return this.#view.getFloat64(this.#at + AT.monotonicMs, true)
  }
  set monotonicMs(value: number) {
    this.#view.setFloat64(this.#at + AT.monotonicMs, value, true)
  }

  get look(): number {
    return this.#view.getFloat64(this.#at + AT.look, true)
  }
  set look(value: number) {
    this.#view.setFloat64(this.#at + AT.look, value, true)
  }
}

interface Page {
  readonly bytes: Uint8Array
  readonly view: DataView
}

/**
 * All registers of an agent, a record of 88 octets each, in pages that are kept on disk as they stand here. A stream has
 * a number, which belongs to it until it has ended and its end is on disk. A record without an epoch holds no register.
 */
export class RegisterFile {
  readonly #pages: (Page | undefined)[] = []
  /** Numbers that nobody has; the next one is taken from the end. */
  readonly #free: number[] = []
  readonly #changed = new Set<number>()
  readonly #record = new RegisterRecord()
  readonly #ended = new Set<number>()
  readonly #index = new IdIndex(
    (stream) => this.#idAt(stream),
    (stream, id) => this.#isAt(stream, id),
  )

  /** Goes on from pages that were kept; those of another size are not taken. */
  constructor(kept: Iterable<RegisterPage> = []) {
    for (const { bytes, number } of kept) if (bytes.length === PAGE_OCTETS) this.#load(number, bytes)
    for (let number = 0; number < this.#pages.length; number += 1)
      if (this.#pages[number] === undefined) this.#free.push(...streamsOf(number).toReversed())
  }

  /** The number of a stream that has one. */
  find(id: Uint8Array): number | undefined {
    return this.#index.find(id)
  }

  /** A number for a stream that has none. */
  add(id: Uint8Array): number {
    if (this.#free.length === 0) this.#free.push(...streamsOf(this.#pages.length).toReversed())
    const stream = this.#free.pop()!
    const number = Math.floor(stream / PAGE_REGISTERS)
    const page = (this.#pages[number] ??= pageOf(new Uint8Array(PAGE_OCTETS)))
    page.bytes.set(id, offsetOf(stream))
    this.#index.add(stream)
    return stream
  }

  /** Writes the 16 bytes of a stream's id to a place. */
  putId(stream: number, to: Uint8Array, at: number): void {
    const from = offsetOf(stream)
    const { bytes } = this.#pageOf(stream)
    for (let index = 0; index < ID_OCTETS; index += 1) to[at + index] = bytes[from + index]!
  }

  /** The id of a stream, 16 bytes, a copy. */
  id(stream: number): Uint8Array {
    return this.#idAt(stream).slice()
  }

  /** The register of a stream, to be read; undefined where it has none. It is of this stream until another is asked for. */
  register(stream: number): Readonly<Register> | undefined {
    const record = this.#record.of(this.#pageOf(stream).view, offsetOf(stream))
    return record.epoch === 0 ? undefined : record
  }

  /** The register of a stream, to be changed at once. It is of this stream until another is asked for. */
  open(stream: number): Register {
    if (this.#ended.size > 0) this.#ended.delete(stream)
    this.#changed.add(Math.floor(stream / PAGE_REGISTERS))
    return this.#record.of(this.#pageOf(stream).view, offsetOf(stream))
  }

  /** Replaces the register of a stream. */
  put(stream: number, values: Readonly<Register>): void {
    // Taken apart first: the values may be those of a record that stands for another stream from here on.
    const { boottimeMs, epoch, level, life, look, monotonicMs, register, remainder, timeMs } = values
    const own = { boottimeMs, epoch, level, life, look, monotonicMs, register, remainder, timeMs }
    Object.assign(this.open(stream), own)
  }

  /** Drops the register of a stream that is over. Its number stays its own until that is settled. */
  end(stream: number): void {
    const at = offsetOf(stream)
    this.#pageOf(stream).bytes.fill(0, at + ID_OCTETS, at + RECORD_OCTETS)
    this.#ended.add(stream)
    this.#changed.add(Math.floor(stream / PAGE_REGISTERS))
  }

  /** Every register. */
  *registers(): Iterable<KeptRegister> {
    for (const number of this.#pages.keys()) {
      if (this.#pages[number] === undefined) continue
      for (const stream of streamsOf(number)) {
        const register = this.register(stream)
        if (register !== undefined) yield { stream, id: this.id(stream), timeMs: register.timeMs }
      }
    }
  }

  /** The pages that changed since the last were settled, as they stand. */
  changed(): RegisterPage[] {
    return [...this.#changed].map((number) => ({ number, bytes: this.#pages[number]!.bytes }))
  }

  /** All that changed is on disk: numbers of streams that ended are free. */
  settle(): void {
    this.#changed.clear()
    for (const stream of this.#ended) {
      this.#index.remove(this.#idAt(stream))
      this.#idAt(stream).fill(0)
      this.#free.push(stream)
    }
    this.#ended.clear()
  }

  #load(number: number, bytes: Uint8Array): void {
    const page = pageOf(bytes.slice())
    this.#pages[number] = page
    for (const stream of streamsOf(number).toReversed()) {
      const at = offsetOf(stream)
      if (page.view.getFloat64(at + AT.epoch, true) === 0) {
        page.bytes.fill(0, at, at + RECORD_OCTETS)
        this.#free.push(stream)
      } else {
        page.bytes.fill(0, at + AT.level, at + RECORD_OCTETS)
        this.#index.add(stream)
      }
    }
  }

  #pageOf(stream: number): Page {
    return this.#pages[Math.floor(stream / PAGE_REGISTERS)]!
  }

  #idAt(stream: number): Uint8Array {
    const at = offsetOf(stream)
    return this.#pageOf(stream).bytes.subarray(at, at + ID_OCTETS)
  }

  #isAt(stream: number, id: Uint8Array): boolean {
    const at = offsetOf(stream)
    const { bytes } = this.#pageOf(stream)
    for (let index = 0; index < ID_OCTETS; index += 1) if (bytes[at + index] !== id[index]) return false
    return true
  }
}

function streamsOf(page: number): number[] {
  return Array.from({ length: PAGE_REGISTERS }, (_, index) => page * PAGE_REGISTERS + index)
}

function pageOf(bytes: Uint8Array): Page {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) }
}

function offsetOf(stream: number): number {
  return (stream % PAGE_REGISTERS) * RECORD_OCTETS
}
