/** The known word with the fewest changes to the given one; undefined when more than a third would change. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let [best, bestDistance]: [string | undefined, number] = [undefined, Infinity]
  for (const candidate of known) {
    const distance = editDistance(word, candidate)
    const tolerated = Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3))
    if (distance <= tolerated && distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** Insertions, deletions and replacements that turn one text into the other. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      const inserted = (current[column - 1] ?? 0) + 1
      const deleted = (previous[column] ?? 0) + 1
      current.push(Math.min(replaced, inserted, deleted))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
