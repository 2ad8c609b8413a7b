import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MessageReader, prefixed } from './messages.ts'

test('messages survive any cut of the bytes between them', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 })
  fc.assert(
    fc.property(messages, fc.integer({ min: 1, max: 9 }), (sent, step) => {
      const bytes = Buffer.concat(sent.map((message) => prefixed(message)))
      const reader = new MessageReader(40)
      const taken: Buffer[] = []
      for (let at = 0; at < bytes.length; at += step)
        taken.push(...reader.take(bytes.subarray(at, at + step)))
      expect(taken.map((message) => [...message])).toEqual(sent.map((message) => [...message]))
    }),
  )
})

test('what is too long or compressed is refused before it is kept', () => {
  expect(() => new MessageReader(10).take(prefixed(new Uint8Array(11)))).toThrow(/11 bytes, at most 10/)
  expect(() => new MessageReader(10).take(Buffer.from([1, 0, 0, 0, 0]))).toThrow(/compressed/)
})
