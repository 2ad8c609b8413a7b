/** A column of a key: an id or a digest as it is stored, or a UInt64. */
export type KeyPart = Uint8Array | bigint

const UINT64_BYTES = 8

/**
 * A subquery that gives these keys, for the right side of IN; at least one key, all of the same form.
 * They stand in the text, which may be longer than a URL, and as one literal, which is parsed much faster
 * than thousands of tuples.
 */
export function keySet(keys: readonly (readonly KeyPart[])[]): string {
  const widths = (keys[0] ?? []).map((part) => (typeof part === 'bigint' ? UINT64_BYTES : part.length))
  const keyBytes = widths.reduce((sum, width) => sum + width, 0)
  const bytes = Buffer.alloc(keys.length * keyBytes)
  let at = 0
  for (const part of keys.flat()) {
    if (typeof part === 'bigint') at = bytes.writeBigUInt64LE(part, at)
    else {
      bytes.set(part, at)
      at += part.length
    }
  }
  let offset = 1
  const columns = widths.map((width, index) => {
    const slice = `substring(keys, number * ${keyBytes} + ${offset}, ${width})`
    offset += width
    return typeof keys[0]?.[index] === 'bigint'
      ? `reinterpretAsUInt64(${slice})`
      : `toFixedString(${slice}, ${width})`
  })
  return `(WITH unhex('${bytes.toString('hex')}') AS keys SELECT ${columns.join(', ')} FROM numbers(${keys.length}))`
}
