/** Findings kept in full; the others are only counted. */
const LISTED_MAX = 1_000

/** What does not fit, in the order in which it was met. */
export class Findings {
  readonly #lines: string[] = []
  #count = 0

  /** How many. */
  get count(): number {
    return this.#count
  }

  /** Notes one item and what is wrong with it. */
  add(item: string, problem: string): void {
    this.#count += 1
    if (this.#lines.length < LISTED_MAX) this.#lines.push(`${item}: ${problem}`)
  }

  /** One a line, the first ones in full. */
  text(): string {
    const rest = this.#count - this.#lines.length
    return [...this.#lines, ...(rest > 0 ? [`and ${rest} more`] : [])].map((line) => `  ${line}\n`).join('')
  }
}
