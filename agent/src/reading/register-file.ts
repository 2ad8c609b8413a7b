import { IdIndex } from './id-index.ts'
import type { RegisterState } from './register.ts'

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
  readonly state: RegisterState
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

  /** The register of a stream as last read; undefined where it has none. */
  state(stream: number): RegisterState | undefined {
    const { view } = this.#pageOf(stream)
    const at = offsetOf(stream)
    const epoch = view.getFloat64(at + AT.epoch, true)
    if (epoch === 0) return undefined
    return {
      life: view.getBigUint64(at + AT.life, true),
      epoch,
      timeMs: view.getFloat64(at + AT.timeMs, true),
      boottimeMs: view.getFloat64(at + AT.boottimeMs, true),
      register: view.getBigUint64(at + AT.register, true),
      remainder: view.getBigUint64(at + AT.remainder, true),
      level: view.getBigUint64(at + AT.level, true),
      monotonicMs: view.getFloat64(at + AT.monotonicMs, true),
      look: view.getFloat64(at + AT.look, true),
    }
  }

  /** Replaces the register of a stream. */
  put(stream: number, state: RegisterState): void {
    const { view } = this.#pageOf(stream)
    const at = offsetOf(stream)
    view.setBigUint64(at + AT.life, state.life, true)
    view.setFloat64(at + AT.epoch, state.epoch, true)
    view.setFloat64(at + AT.timeMs, state.timeMs, true)
    view.setFloat64(at + AT.boottimeMs, state.boottimeMs, true)
    view.setBigUint64(at + AT.register, state.register, true)
    view.setBigUint64(at + AT.remainder, state.remainder, true)
    view.setBigUint64(at + AT.level, state.level, true)
    view.setFloat64(at + AT.monotonicMs, state.monotonicMs, true)
    view.setFloat64(at + AT.look, state.look, true)
    this.#ended.delete(stream)
    this.#changed.add(Math.floor(stream / PAGE_REGISTERS))
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
        const state = this.state(stream)
        if (state !== undefined) yield { stream, id: this.id(stream), state }
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
