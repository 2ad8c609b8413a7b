import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClickHouseClient } from '@clickhouse/client'
import { createTestEngine } from '@vouch/clickhouse'
import type { TestEngine } from '@vouch/clickhouse'
import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  dictionary,
  fixedStrings,
  instants,
  maps,
  nativeBlock,
  numbers,
  octets,
  strings,
  uuids,
  words,
} from './native.ts'

let engine: TestEngine
let client: ClickHouseClient
let directory: string
beforeAll(async () => {
  engine = await createTestEngine()
  client = await engine.connect()
  directory = await mkdtemp(join(tmpdir(), 'vouch-native-'))
})
afterAll(async () => {
  await engine.dispose()
  await rm(directory, { recursive: true })
})

const CLASSES = ['host.network', '', 'ä']
const ROW = fc.record({
  id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  text: fc.string({ unit: 'grapheme', maxLength: 200 }),
  word: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  octet: fc.nat(255),
  timeMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  labels: fc.dictionary(fc.string({ maxLength: 5 }), fc.string({ unit: 'grapheme', maxLength: 5 })),
})

it('the engine reads back what was written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(ROW, { minLength: 1, maxLength: 40 }), async (rows) => {
      const chunks = nativeBlock(rows.length, [
        fixedStrings('id', 16, rows, ({ id }) => id),
        uuids('uuid', rows, ({ id }) => id),
        strings('text', rows, ({ text }) => text),
        words('word', rows, ({ word }) => word),
        octets('octet', rows, ({ octet }) => octet),
        numbers(
          'wide',
          'UInt32',
          Uint32Array.from(rows, ({ octet }) => octet * 65_537),
        ),
        instants('time', rows, ({ timeMs }) => timeMs),
        maps('labels', rows, ({ labels }) => labels),
        dictionary(
          'class',
          CLASSES,
          Uint32Array.from(rows, ({ octet }) => octet % CLASSES.length),
        ),
      ])
      const path = join(directory, 'block.native')
      await writeFile(path, chunks)
      const result = await client.query({
        query: `SELECT lower(hex(id)) AS id, replaceAll(toString(uuid), '-', '') AS uuid, text, toString(word) AS word, octet,
          wide, toString(toUnixTimestamp64Milli(time)) AS time, labels, class FROM file('${path}', 'Native')`,
        format: 'JSONEachRow',
      })
      const expected = rows.map(({ id, text, word, octet, timeMs, labels }) => ({
        id: id.toHex(),
        uuid: id.toHex(),
        text,
        word: `${word}`,
        octet,
        wide: octet * 65_537,
        time: `${timeMs}`,
        labels: { ...labels },
        class: CLASSES[octet % CLASSES.length],
      }))
      expect(await result.json()).toEqual(expected)
    }),
    { numRuns: 30 },
  )
})

it('a block of very many short strings has few chunks', () => {
  const rows = Array.from({ length: 300_000 }, (_, index) => `host:${index}`)
  const chunks = nativeBlock(rows.length, [strings('resource', rows, (row) => row)])
  expect(chunks.length).toBeLessThan(10)
  expect(chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBeGreaterThan(300_000 * 7)
})

it('a value wider than its column is a defect', () => {
  expect(() => fixedStrings('id', 16, [new Uint8Array(17)], (value) => value)).toThrow(RangeError)
})
