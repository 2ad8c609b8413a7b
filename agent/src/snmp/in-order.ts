/**
 * Values by their names, in an order. Whoever asks in this order finds each where it stands; an index is made only for others,
 * as V8 makes every key of a map one of a kind among all texts of the program.
 */
export class InOrder<V> implements Iterable<readonly [name: string, value: V]> {
  readonly #names: string[] = []
  readonly #values: V[] = []
  #places: Map<string, number> | undefined
  /** Where the next one is expected. */
  #next = 0

  /** Names must differ. */
  constructor(entries: Iterable<readonly [name: string, value: V]> = []) {
    for (const [name, value] of entries) this.#push(name, value)
  }

  get size(): number {
    return this.#names.length
  }

  get(name: string): V | undefined {
    const place = this.#placeOf(name)
    return place === undefined ? undefined : this.#values[place]
  }

  /** Replaces the value of a name, or puts it behind all others. */
  set(name: string, value: V): this {
    const place = this.#placeOf(name)
    if (place === undefined) this.#push(name, value)
    else this.#values[place] = value
    return this
  }

  *[Symbol.iterator](): Generator<readonly [name: string, value: V]> {
    for (let place = 0; place < this.#names.length; place += 1)
      yield [this.#names[place]!, this.#values[place]!]
  }

  /** What was asked for last may be asked for again. */
  #placeOf(name: string): number | undefined {
    if (this.#names[this.#next] === name) return this.#next++
    if (this.#names[this.#next - 1] === name) return this.#next - 1
    this.#places ??= new Map(this.#names.map((each, place) => [each, place]))
    const place = this.#places.get(name)
    if (place !== undefined) this.#next = place + 1
    return place
  }

  #push(name: string, value: V): void {
    this.#places?.set(name, this.#names.length)
    this.#names.push(name)
    this.#values.push(value)
  }
}
