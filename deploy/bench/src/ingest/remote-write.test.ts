import { uncompress } from 'snappyjs'
import { expect, test } from 'vitest'
import { SERIES_PER_SEND_MAX, WriteRequests } from './remote-write.ts'

/** Fields of a protobuf message: number and content, a varint's or fixed field's as bytes. */
function fields(bytes: Uint8Array): { number: number; content: Uint8Array }[] {
  const found = []
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at++]!
    let end = at
    if ((tag & 7) === 1) end = at + 8
    else {
      let value = 0
      for (let shift = 1; ; shift *= 128) {
        const byte = bytes[end++]!
        value += (byte & 127) * shift
        if (byte < 128) break
      }
      if ((tag & 7) === 2) {
        at = end
        end = at + value
      }
    }
    found.push({ number: tag >> 3, content: bytes.subarray(at, end) })
    at = end
  }
  return found
}

test('a scrape is every series once, at most 2,000 a request, each with one sample at the time asked for', () => {
  const requests = [
    ...new WriteRequests(11, 200, SERIES_PER_SEND_MAX).scrapes(Date.UTC(2026, 4, 1), 10_000, 0, 2),
  ]
  const series = requests.map((body) => fields(uncompress(body)))
  expect(series.map((each) => each.length)).toEqual([2000, 200, 2000, 200])
  const names = new Set<string>()
  for (const { content } of [...series[2]!, ...series[3]!]) {
    const parts = fields(content)
    expect(parts.map(({ number }) => number)).toEqual([1, 1, 1, 1, 2])
    names.add(
      parts
        .slice(0, 4)
        .map(({ content: label }) => Buffer.from(label).toString())
        .join(),
    )
    const sample = fields(parts[4]!.content)
    const time = sample[1]!.content.reduce((sum, byte, index) => sum + (byte & 127) * 128 ** index, 0)
    expect(time).toBe(Date.UTC(2026, 4, 1) + 10_000)
    const value = new DataView(new Uint8Array(sample[0]!.content).buffer).getFloat64(0, true)
    expect(value).toBeGreaterThan(2 ** 30)
  }
  expect(names.size).toBe(2200)
})
