const ROOM_OCTETS = 4096

/** Writes values one after another, little-endian, into room that is used again. */
export class PackedWriter {
  #bytes = Buffer.alloc(ROOM_OCTETS)
  #at = 0

  /** What has been written, until the next is begun. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#at)
  }

  begin(): this {
    this.#at = 0
    return this
  }

  uint8(value: number): void {
    this.#at = this.#room(1).writeUInt8(value, this.#at)
  }

  uint32(value: number): void {
    this.#at = this.#room(4).writeUInt32LE(value, this.#at)
  }

  /** Throws RangeError where it does not fit. */
  uint64(value: bigint): void {
    this.#at = this.#room(8).writeBigUInt64LE(value, this.#at)
  }

  /** A whole number that a double holds exactly, milliseconds for example. */
  integer(value: number): void {
    this.#at = this.#room(8).writeDoubleLE(value, this.#at)
  }

  text(text: string): void {
    const octets = Buffer.byteLength(text)
    this.uint32(octets)
    this.#at += this.#room(octets).write(text, this.#at)
  }

  #room(octets: number): Buffer {
    if (this.#at + octets > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes], 2 * this.#bytes.length + octets)
    return this.#bytes
  }
}

/** Reads in the same order what was written. Throws RangeError where it ends early. */
export class PackedReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  uint8(): number {
    return this.#bytes.readUInt8(this.#took(1))
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#took(4))
  }

  uint64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#took(8))
  }

  integer(): number {
    return this.#bytes.readDoubleLE(this.#took(8))
  }

  text(): string {
    const octets = this.uint32()
    const from = this.#took(octets)
    if (this.#at > this.#bytes.length) throw new RangeError('a text ends early')
    return this.#bytes.toString('utf8', from, this.#at)
  }

  /** As many as were counted. */
  list<T>(item: () => T): T[] {
    return Array.from({ length: this.uint32() }, item)
  }

  #took(octets: number): number {
    const from = this.#at
    this.#at += octets
    return from
  }
}
