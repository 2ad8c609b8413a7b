/** Bytes before a gRPC message: compressed or not, and its length. Source: gRPC over HTTP/2, "Length-Prefixed-Message". */
const PREFIX_BYTES = 5

/** A message as gRPC sends it, not compressed. */
export function prefixed(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(PREFIX_BYTES + message.length)
  bytes[0] = 0
  bytes.writeUInt32BE(message.length, 1)
  bytes.set(message, PREFIX_BYTES)
  return bytes
}

/** Cuts a stream of bytes into messages. Throws where one is compressed, or longer than the bound. */
export class MessageReader {
  readonly #bytesMax: number
  #rest: Buffer = Buffer.alloc(0)

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Takes the next bytes; gives the messages that are complete now. */
  take(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const messages: Buffer[] = []
    while (this.#rest.length >= PREFIX_BYTES) {
      const length = this.#rest.readUInt32BE(1)
      if (this.#rest[0] !== 0) throw new Error('a message is compressed, which was not asked for')
      if (length > this.#bytesMax) throw new Error(`a message has ${length} bytes, at most ${this.#bytesMax}`)
      if (this.#rest.length < PREFIX_BYTES + length) break
      messages.push(this.#rest.subarray(PREFIX_BYTES, PREFIX_BYTES + length))
      this.#rest = this.#rest.subarray(PREFIX_BYTES + length)
    }
    return messages
  }
}
