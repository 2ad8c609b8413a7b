import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MessageReader, framed } from './framing.ts'
import { STATUS } from './status.ts'

const BYTES_MAX = 3_000
const MESSAGES = fc.array(fc.uint8Array({ maxLength: BYTES_MAX }), { maxLength: 8 })

/** Everything that can be read now. */
function drain(reader: MessageReader): Uint8Array[] {
  const messages: Uint8Array[] = []
  for (let next = reader.next(); next instanceof Uint8Array; next = reader.next()) messages.push(next)
  return messages
}

const hex = (messages: readonly Uint8Array[]): string[] =>
  messages.map((bytes) => Buffer.from(bytes).toString('hex'))

describe('a reader of messages', () => {
  it('gives the same messages however they are cut into pieces, and whenever they are asked for', () => {
    fc.assert(
      fc.property(
        MESSAGES,
        fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1 }),
        fc.boolean(),
        (messages, sizes, eager) => {
          const stream = Buffer.concat(messages.map(framed))
          const reader = new MessageReader(BYTES_MAX)
          const read: Uint8Array[] = []
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const size = sizes[turn % sizes.length]!
            reader.push(stream.subarray(at, at + size))
            at += size
            if (eager) read.push(...drain(reader))
          }
          read.push(...drain(reader))
          expect(hex(read)).toEqual(hex(messages))
          expect(reader.partial).toBe(false)
        },
      ),
    )
  })

  it('keeps no more than twice the message alive', () => {
    const reader = new MessageReader(BYTES_MAX)
    const small = new Uint8Array(100).fill(7)
    reader.push(Buffer.concat([framed(small), framed(new Uint8Array(BYTES_MAX))]))
    const [first] = drain(reader)
    expect(first).toEqual(small)
    expect(first!.buffer.byteLength).toBeLessThanOrEqual(200)
  })

  it.each([
    ['too large', Buffer.of(0, 0, 0, 12, 0), STATUS.resourceExhausted, /larger than 3000/],
    ['compressed', Buffer.of(1, 0, 0, 0, 1), STATUS.unimplemented, /compressed/],
    ['of an unknown flag', Buffer.of(2, 0, 0, 0, 1), STATUS.internal, /flag 2/],
  ])('refuses a message that is %s by its prefix alone, and all after it', (_, prefix, code, details) => {
    const reader = new MessageReader(BYTES_MAX)
    reader.push(prefix)
    expect(reader.next()).toEqual({ code, details: expect.stringMatching(details) })
    reader.push(framed(Uint8Array.of(1)))
    expect(reader.next()).toMatchObject({ code })
  })

  it('says whether the end is within a message', () => {
    const reader = new MessageReader(BYTES_MAX)
    const bytes = framed(Uint8Array.of(1, 2, 3))
    for (let cut = 1; cut < bytes.length; cut++) {
      reader.push(bytes.subarray(cut - 1, cut))
      expect(reader.next()).toBeUndefined()
      expect(reader.partial).toBe(true)
    }
    reader.push(bytes.subarray(-1))
    expect(reader.next()).toEqual(Uint8Array.of(1, 2, 3))
    expect(reader.partial).toBe(false)
  })
})
