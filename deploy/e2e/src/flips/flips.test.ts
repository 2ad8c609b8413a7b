import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clone, toJsonString } from '@bufbuild/protobuf'
import type { ClickHouseClient } from '@clickhouse/client'
import { openEngine } from '@vouch/clickhouse'
import type { Engine } from '@vouch/clickhouse'
import { createCollector, readCollectorConfig } from '@vouch/collector/index.ts'
import { createTestDatabase } from '@vouch/postgres'
import type { TestDatabase } from '@vouch/postgres'
import { SignedBatchSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { GetUsageResponseSchema } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askUsage, wholeHours } from '../chaos/ask-usage.ts'
import { captureBatches } from '../chaos/capture.ts'
import type { Capture } from '../chaos/capture.ts'
import { deliver } from '../chaos/courier.ts'
import { seededRandom } from '../chaos/random.ts'
import { readStored, rowOf } from '../chaos/signed-history.ts'
import type { Stored } from '../chaos/signed-history.ts'

const RESOURCE = 'host:flipped'
const DATABASE = 'vouch'
const SEED = Number.parseInt(process.env['VOUCH_TEST_SEED'] ?? '7', 10)
const FLIPS = 12
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

let directory: string
let engine: Engine
let client: ClickHouseClient
let postgres: TestDatabase
let capture: Capture
let sound: Stored
let billed: string

const newCollector = () => {
  const environment = {
    VOUCH_TLS: 'off',
    VOUCH_COLLECTOR_LISTEN: '127.0.0.1:0',
    VOUCH_DATA_DIR: directory,
    VOUCH_DATABASE_URL: postgres.url,
  }
  const config = unwrap(readCollectorConfig(environment))
  return createCollector({
    config,
    clickhouse: () => engine.connect(),
    postgresUrl: postgres.url,
    logger: silent,
  })
}
const reread = (): Promise<Stored> => readStored(client, DATABASE, capture.signer.publicKey)
const ask = async (): Promise<string> => {
  const answers = await askUsage(engine, DATABASE, RESOURCE, [capture, wholeHours(capture)])
  return answers.map((answer) => toJsonString(GetUsageResponseSchema, answer)).join('\n')
}
const query = async (sql: string): Promise<Record<string, string>[]> =>
  (await client.query({ query: sql, format: 'JSONEachRow' })).json<Record<string, string>>()

/** The same bytes but for one bit. */
function flipped(bytes: Uint8Array, random: () => number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes)
  const bit = Math.floor(random() * bytes.length * 8)
  copy[bit >> 3]! ^= 1 << (bit & 7)
  return copy
}

const refusals: string[] = []
const deliveries: string[] = []
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-flips-'))
  engine = unwrap(await openEngine(join(directory, 'clickhouse')))
  client = await engine.connect()
  postgres = await createTestDatabase()
  capture = await captureBatches(newCollector(), RESOURCE)
  const collector = newCollector()
  const { address } = await collector.start()
  const random = seededRandom(SEED)
  for (const run of capture.runs) {
    for (const batch of run.batches) {
      const wrong = clone(SignedBatchSchema, batch)
      const field = (['header', 'body', 'signature', 'keyId'] as const)[Math.floor(random() * 4)]!
      wrong[field] = flipped(batch[field], random)
      refusals.push(`${field} ${await deliver(address, capture, run, [wrong])}`)
      deliveries.push(await deliver(address, capture, run, [batch]))
    }
  }
  await collector.stop()
  sound = await reread()
  billed = await ask()
})
afterAll(async () => {
  await engine.close()
  await postgres.dispose()
  await rm(directory, { recursive: true, force: true })
})

test(`a batch with a flipped bit is refused on the wire, and leaves no trace (seed ${SEED})`, () => {
  expect(refusals).toHaveLength(21)
  expect(deliveries).toEqual(refusals.map(() => 'delivered'))
  for (const refusal of refusals)
    expect(refusal).toMatch(
      /^(header|signature) (SIGNATURE_INVALID|INTERNAL)|^body BATCH_DIGEST_MISMATCH|^keyId KEY_UNKNOWN/,
    )
  expect(sound.quarantined).toEqual([])
  expect(sound.batches).toHaveLength(21)
  expect(sound.batches.flatMap(({ readings }) => readings.map(rowOf)).toSorted()).toEqual(sound.rows)
})

test.each(['batches', 'segments', 'lattice'])(
  `a bit that flips on the disk below %s is an error or changes nothing (seed ${SEED})`,
  async (table) => {
    // What is flipped stays where it is until it is flipped back.
    await client.command({ query: `SYSTEM STOP MERGES ${DATABASE}.${table}` })
    const random = seededRandom(SEED + table.length)
    const parts = await query(
      `SELECT path FROM system.parts WHERE database = '${DATABASE}' AND table = '${table}' AND active AND rows > 0 ORDER BY path`,
    )
    const outcomes: string[] = []
    for (let flip = 0; flip < FLIPS; flip++) {
      const { path } = parts[Math.floor(random() * parts.length)]!
      const files = (await readdir(path!)).filter((name) => name.endsWith('.bin')).toSorted()
      const undo = await flipOnDisk(join(path!, files[Math.floor(random() * files.length)]!), random)
      const found = await (
        table === 'batches'
          ? reread().then(({ batches }) => JSON.stringify(batches.map(({ digest }) => digest).toSorted()))
          : ask()
      ).catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
      await undo()
      if (found instanceof Error) outcomes.push('found')
      else {
        expect(found).toBe(
          table === 'batches' ? JSON.stringify(sound.batches.map(({ digest }) => digest).toSorted()) : billed,
        )
        outcomes.push('unread')
      }
    }
    await client.command({ query: `SYSTEM START MERGES ${DATABASE}.${table}` })
    expect(outcomes).toContain('found')
    expect(await ask()).toBe(billed)
  },
)

describe(`a bit that somebody flips in the archive is found when it is verified again (seed ${SEED})`, () => {
  test.each(['header', 'body', 'signature', 'key_id', 'digest', 'previous', 'run'])(
    'in %s',
    async (column) => {
      const random = seededRandom(SEED + column.length)
      const rows = await query(
        `SELECT hex(digest) AS name, hex(${column}) AS bytes FROM ${DATABASE}.batches_v1 ORDER BY digest`,
      )
      const { name, bytes } = rows[Math.floor(random() * rows.length)]!
      const wrong = flipped(Uint8Array.fromHex(bytes!), random).toHex()
      const where = `WHERE hex(digest) = '${name}'`
      await client.command({ query: `CREATE TABLE ${DATABASE}.kept AS ${DATABASE}.batches` })
      await client.command({
        query: `INSERT INTO ${DATABASE}.kept SELECT * FROM ${DATABASE}.batches FINAL ${where}`,
      })
      await client.command({ query: `DELETE FROM ${DATABASE}.batches ${where}` })
      await client.command({
        query: `INSERT INTO ${DATABASE}.batches SELECT * REPLACE (unhex('${wrong}') AS ${column}) FROM ${DATABASE}.kept SETTINGS insert_deduplicate = 0`,
      })
      // The key's name is not signed: another name is told apart as one that nobody has.
      if (column === 'key_id') expect(await strangersKeys()).toBe(1)
      else await expect(reread()).rejects.toThrow(/SIGNATURE_INVALID|BATCH_DIGEST_MISMATCH|was signed for/)
      await client.command({
        query: `ALTER TABLE ${DATABASE}.batches DELETE WHERE hex(${column}) = upper('${wrong}') SETTINGS mutations_sync = 1`,
      })
      await client.command({
        query: `INSERT INTO ${DATABASE}.batches SELECT * FROM ${DATABASE}.kept SETTINGS insert_deduplicate = 0`,
      })
      await client.command({ query: `DROP TABLE ${DATABASE}.kept SYNC` })
      expect((await reread()).batches).toHaveLength(21)
    },
  )

  const strangersKeys = async (): Promise<number> =>
    (
      await query(
        `SELECT 1 AS one FROM ${DATABASE}.batches_v1 WHERE key_id NOT IN (SELECT key_id FROM ${DATABASE}.agent_keys_v1)`,
      )
    ).length
})

async function flipOnDisk(path: string, random: () => number): Promise<() => Promise<void>> {
  const file = await open(path, 'r+')
  const { size } = await file.stat()
  const at = Math.floor(random() * size)
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
  const original = buffer[0]!
  await file.write(Buffer.from([original ^ (1 << Math.floor(random() * 8))]), 0, 1, at)
  return async () => {
    await file.write(Buffer.from([original]), 0, 1, at)
    await file.close()
  }
}
