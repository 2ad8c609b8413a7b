const ROOM_OCTETS = 4096

/** Writes values one after another, little-endian, into room that is used again. */
export class PackedWriter {
  #bytes = Buffer.alloc(ROOM_OCTETS)
  #view = viewOf(this.#bytes)
  #at = 0

  /** What has been written, until the next is begun. */
  get bytes(): Uint8Array {
    // A Buffer's own `slice` would copy nothing.
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#at)
  }

  begin(): this {
    this.#at = 0
    return this
  }

  uint8(value: number): void {
    const at = this.#took(1)
    this.#view.setUint8(at, value)
  }

  uint32(value: number): void {
    const at = this.#took(4)
    this.#view.setUint32(at, value, true)
  }

  /** Throws RangeError where it does not fit. */
  uint64(value: bigint): void {
    if (value < 0n || value > UINT64_MAX) throw new RangeError(`${value} does not fit 64 bits`)
    const at = this.#took(8)
    this.#view.setBigUint64(at, value, true)
  }

  /** A whole number that a double holds exactly, milliseconds for example. */
  integer(value: number): void {
    const at = this.#took(8)
    this.#view.setFloat64(at, value, true)
  }

  text(text: string): void {
    const octets = Buffer.byteLength(text)
    this.uint32(octets)
    const at = this.#took(octets)
    this.#bytes.write(text, at)
  }

  #took(octets: number): number {
    const at = this.#at
    this.#at += octets
    if (this.#at > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes], 2 * this.#at)
      this.#view = viewOf(this.#bytes)
    }
    return at
  }
}

/** Reads in the same order what was written. Throws RangeError where it ends early. */
export class PackedReader {
  readonly #bytes: Buffer
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#view = viewOf(bytes)
  }

  uint8(): number {
    return this.#view.getUint8(this.#took(1))
  }

  uint32(): number {
    return this.#view.getUint32(this.#took(4), true)
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#took(8), true)
  }

  integer(): number {
    return this.#view.getFloat64(this.#took(8), true)
  }

  text(): string {
    const octets = this.uint32()
    const from = this.#took(octets)
    if (this.#at > this.#bytes.length) throw new RangeError('a text ends early')
    return this.#bytes.toString('utf8', from, this.#at)
  }

  /** As many as were counted. */
  list<T>(item: () => T): T[] {
    const items: T[] = []
    for (let left = this.uint32(); left > 0; left -= 1) items.push(item())
    return items
  }

  #took(octets: number): number {
    const from = this.#at
    this.#at += octets
    return from
  }
}

const UINT64_MAX = 2n ** 64n - 1n

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
