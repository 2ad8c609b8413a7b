import { seededRandom } from '../chaos/random.ts'

/** Choices that follow from a seed. */
export class Dice {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  /** In [0, 1). */
  readonly fraction = (): number => this.#random()

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1))
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.#random() < probability
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.between(0, items.length - 1)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  readonly bytes = (count: number): Uint8Array<ArrayBuffer> =>
    Uint8Array.from({ length: count }, () => this.between(0, 255))

  /** Choices of a part of their own: what others throw does not move them. */
  fork(): Dice {
    return new Dice(this.between(0, 2 ** 31))
  }
}
