/** Numbers in [0, 1) that follow from a 32-bit seed. Source: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A waiting time until something that happens at random, with this mean. */
export function exponential(meanMs: number, random: () => number): number {
  return -Math.log(1 - random()) * meanMs
}
