/** Words of 32 bits in a stream's id. */
const ID_WORDS = 4

/**
 * Numbers of stream ids in ascending order of their octets, which is how the engine sorts them; ids that agree stay in
 * the order in which they came. Bits of the second word that the number leaves no room for are not compared: two ids
 * that agree in more than 40 bits may be in either order.
 *
 * @param ids four words each, as they lie in memory.
 */
export function orderOfIds(ids: Uint32Array): Uint32Array {
  const length = ids.length / ID_WORDS
  // The first word, as much as fits of the second, and the number: sorted as one, without calling back for each pair.
  const keys = new BigUint64Array(length)
  const words = new Uint32Array(keys.buffer)
  const numberMask = 2 ** (32 - Math.clz32(length)) - 1
  for (let at = 0; at < length; at++) {
    words[2 * at] = (bigEndian(ids[ID_WORDS * at + 1]!) & ~numberMask) | at
    words[2 * at + 1] = bigEndian(ids[ID_WORDS * at]!)
  }
  keys.sort()
  const order = new Uint32Array(length)
  for (let at = 0; at < length; at++) order[at] = words[2 * at]! & numberMask
  return order
}

/** The word with its octets the other way round. */
function bigEndian(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}
