import type { FakeCollector } from '@vouch/agent/testing/fake-collector.ts'

/** Counts an agent's rounds by what arrives of them: a look brings one reading of how long the host is up. */
export class RoundCount {
  readonly #collector: FakeCollector
  #seen = 0
  #rounds = 0

  constructor(collector: FakeCollector) {
    this.#collector = collector
  }

  /** Rounds that have arrived. */
  get rounds(): number {
    const { arrived, definitions } = this.#collector
    for (const { columns } of arrived.slice(this.#seen)) {
      for (const [segment, rows] of columns.segmentRows.entries()) {
        const at = 16 * (columns.segmentStream[segment] ?? 0)
        const stream = definitions.get(columns.streamIds.subarray(at, at + 16).toHex())
        if (stream?.meter === 'host.uptime') this.#rounds += rows
      }
    }
    this.#seen = arrived.length
    return this.#rounds
  }
}

/** A resident size after so many rounds. */
export interface SizeAt {
  readonly rounds: number
  readonly bytes: number
}

/** By how many octets the size grows in a round: the slope of the line with the least squares through all points. */
export function slopeOf(sizes: readonly SizeAt[]): number {
  const mean = (pick: (size: SizeAt) => number): number =>
    sizes.reduce((sum, size) => sum + pick(size), 0) / sizes.length
  const [x, y] = [mean(({ rounds }) => rounds), mean(({ bytes }) => bytes)]
  const square = sizes.reduce((sum, { rounds }) => sum + (rounds - x) ** 2, 0)
  const product = sizes.reduce((sum, { rounds, bytes }) => sum + (rounds - x) * (bytes - y), 0)
  return square === 0 ? 0 : product / square
}
