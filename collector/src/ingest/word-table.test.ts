import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { WordTable } from './word-table.ts'

const SHAPE = { keyWords: 2, valueWords: 1, seed: 7 }
const WORD = fc.nat(2 ** 32 - 1)
/** Few keys, so that they come again; and keys alike in their low bits. */
const KEY = fc.oneof(
  fc.tuple(fc.nat(3), fc.nat(3)),
  fc.tuple(
    fc.nat(7).map((high) => high * 2 ** 28),
    WORD,
  ),
)
const out = new Uint32Array(1)

it('with room for all, it is a map', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(KEY, WORD), { maxLength: 300 }), (entries) => {
      const table = new WordTable({ ...SHAPE, entriesMax: 1_000 })
      const map = new Map<string, number>()
      for (const [key, value] of entries) {
        const found = table.get(Uint32Array.of(0, ...key), 1, out)
        expect(found && out[0]).toBe(map.get(key.join()) ?? false)
        if (found && value % 2 === 0) table.replace(Uint32Array.of(value))
        else table.set(Uint32Array.of(0, ...key), 1, Uint32Array.of(value))
        map.set(key.join(), value)
      }
      expect(table.size).toBe(map.size)
      for (const [key, value] of map) {
        expect(table.get(Uint32Array.from(key.split(',').map(Number)), 0, out)).toBe(true)
        expect(out[0]).toBe(value)
      }
    }),
  )
})

it('beyond its bound it forgets, but never the newest, and never more than it may', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.array(KEY, { maxLength: 200 }), (entriesMax, keys) => {
      const table = new WordTable({ ...SHAPE, entriesMax })
      keys.forEach((key, index) => {
        table.set(Uint32Array.from(key), 0, Uint32Array.of(index))
        expect(table.size).toBeLessThanOrEqual(2 * entriesMax)
        const newest = new Map<string, number>()
        for (let at = index; at >= 0 && newest.size < entriesMax; at--) {
          const name = keys[at]!.join()
          if (!newest.has(name)) newest.set(name, at)
        }
        for (const [name, value] of newest) {
          expect(table.get(Uint32Array.from(name.split(',').map(Number)), 0, out)).toBe(true)
          expect(out[0]).toBe(value)
        }
      })
    }),
  )
})

it('what is used again stays', () => {
  const table = new WordTable({ ...SHAPE, entriesMax: 10 })
  table.set(Uint32Array.of(1, 1), 0, Uint32Array.of(42))
  for (let index = 0; index < 1_000; index++) {
    table.set(Uint32Array.of(2, index), 0, Uint32Array.of(index))
    expect(table.get(Uint32Array.of(1, 1), 0, out)).toBe(true)
  }
  expect(out[0]).toBe(42)
  expect(table.get(Uint32Array.of(2, 1), 0, out)).toBe(false)
})

it('with many entries it is a map too, whatever its pages and the width of its index', () => {
  const table = new WordTable({ ...SHAPE, entriesMax: 100_000 })
  for (let index = 0; index < 60_000; index++)
    table.set(Uint32Array.of(index, 7), 0, Uint32Array.of(index * 3))
  expect(table.size).toBe(60_000)
  const wrong = Array.from({ length: 60_000 }, (_, index) => index).filter(
    (index) => !table.get(Uint32Array.of(index, 7), 0, out) || out[0] !== index * 3,
  )
  expect(wrong).toEqual([])
  expect(table.get(Uint32Array.of(60_000, 7), 0, out)).toBe(false)
})
