import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TAG } from './ber.ts'
import { isText, textOf } from './inventory.ts'
import type { VarBind } from './message.ts'

const shown = (value: Uint8Array): VarBind => ({ oid: [1, 3], tag: TAG.OCTET_STRING, value })
const printable = fc.string({ maxLength: 12 }).map((text) => new TextEncoder().encode(text))
const octets = fc.oneof(printable, fc.uint8Array({ maxLength: 12 }))

it('a display string is the text of another where both say the same, printable or not', () => {
  fc.assert(
    fc.property(octets, octets, (before, now) => {
      const text = textOf(shown(before))
      expect(isText(shown(now), text)).toBe(textOf(shown(now)) === text)
      expect(isText(shown(before), text)).toBe(true)
    }),
  )
})

it.each([
  ['none', undefined, false],
  ['a number', { oid: [1, 3], tag: TAG.INTEGER, value: 7n }, false],
  ['one with a zero octet at its end', shown(Buffer.from('xe-0/0/1\0')), true],
  ['one between blanks', shown(Buffer.from(' xe-0/0/1 ')), true],
  ['one that goes on', shown(Buffer.from('xe-0/0/12')), false],
] as const)('%s beside xe-0/0/1', (_, varbind, same) => {
  expect(isText(varbind, 'xe-0/0/1')).toBe(same)
})
