import type { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'

/** What streams of one meter have in common. */
export interface Metered {
  readonly meter: string
  readonly unit: string
  readonly kind: RegisterKind
}

const ROOM = 1024
const NUMBERS_MAX = 2 ** 16 - 1

/** The meter of each stream by its number: two octets a stream, as meters are few and streams are many. */
export class StreamMeters {
  /** Meters by their numbers; 0 stands for none. */
  readonly #meters: (Metered | undefined)[] = [undefined]
  readonly #numbers = new Map<string, number>()
  #ofStream = new Uint16Array(ROOM)

  /** undefined where the stream has none. */
  of(stream: number): Metered | undefined {
    return this.#meters[this.#ofStream[stream] ?? 0]
  }

  /** Throws RangeError where there are more than 65,535 different meters. */
  put(stream: number, metered: Metered): void {
    const room = this.#ofStream.length
    if (stream >= room) {
      const octets = Math.max(2 * room, stream + 1) * Uint16Array.BYTES_PER_ELEMENT
      this.#ofStream = new Uint16Array(this.#ofStream.buffer.transfer(octets))
    }
    this.#ofStream[stream] = this.#numberOf(metered)
  }

  forget(stream: number): void {
    if (stream < this.#ofStream.length) this.#ofStream[stream] = 0
  }

  #numberOf(metered: Metered): number {
    const key = `${metered.meter} ${metered.unit} ${metered.kind}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.#meters.length
    if (number > NUMBERS_MAX) throw new RangeError(`an agent has at most ${NUMBERS_MAX} different meters`)
    this.#meters.push(metered)
    this.#numbers.set(key, number)
    return number
  }
}
