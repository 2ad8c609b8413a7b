import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromBinary, fromJsonString, toBinary } from '@bufbuild/protobuf'
import { openEngine } from '@vouch/clickhouse'
import { createTestDatabase } from '@vouch/postgres'
import type { TestDatabase } from '@vouch/postgres'
import { TrailSchema } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import { ReceiptSchema, SignedReceiptSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runProgram } from './programs.ts'
import type { Printed } from './programs.ts'
import { deliverTwoDays } from './two-days.ts'
import type { TwoDays } from './two-days.ts'

let directory: string
let postgres: TestDatabase
let settings: Readonly<Record<string, string>>
let days: TwoDays
let storedReceipts: ReadonlySet<string>
const at = (name: string): string => join(directory, name)
const dayName = (day: number): string => new Date(days.firstMs + day * 86_400_000).toISOString().slice(0, 10)
const collector = (...args: string[]): Promise<Printed> => runProgram('vouch-collector', args, settings)

/** SQL on the stores, while no program has them. */
async function sql<T = unknown>(...statements: string[]): Promise<T[]> {
  const engine = unwrap(await openEngine(at('clickhouse')))
  try {
    const client = await engine.connect()
    const last = statements.pop()!
    for (const query of statements) await client.command({ query })
    if (!last.startsWith('SELECT')) return (await client.command({ query: last }), [])
    return await (await client.query({ query: last, format: 'JSONEachRow' })).json<T>()
  } finally {
    await engine.close()
  }
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-walk-'))
  postgres = await createTestDatabase()
  settings = {
    VOUCH_TLS: 'off',
    VOUCH_DATA_DIR: directory,
    VOUCH_DATABASE_URL: postgres.url,
    VOUCH_COLLECTOR_AUDIT_GRACE_MS: '0',
  }
  const engine = unwrap(await openEngine(at('clickhouse')))
  days = await deliverTwoDays(engine, settings)
  await engine.close()
  const rows = await sql<{ receipt: string }>(
    `SELECT lower(hex(receipt)) AS receipt FROM vouch.batches FINAL WHERE receipt != ''`,
  )
  storedReceipts = new Set(rows.map(({ receipt }) => receipt))
}, 60_000)
afterAll(async () => {
  await postgres.dispose()
  await rm(directory, { recursive: true, force: true })
})

test('an auditor walks from a reading of an hour to the root of its day', async () => {
  await collector('audit', 'close')
  const shown = await collector('audit', 'days')
  expect(shown).toMatchObject({ code: 0, stderr: '' })
  expect(shown.stdout.split('\n')[0]).toMatch(new RegExp(`^${dayName(0)}  [0-9a-f]{64} +8 batches`))
  expect(shown.stdout.split('\n')[1]).toMatch(new RegExp(`^${dayName(1)}  [0-9a-f]{64} +8 batches`))

  const meter = ['--resource', 'host:test', '--meter', 'host.cpu.used']
  const hour = ['--hour', `${dayName(1)}T08:00:00Z`]
  expect(await collector('audit', 'trail', ...meter, ...hour, '--file', at('trail.json'))).toMatchObject({
    code: 0,
    stderr: '',
  })
  await writeFile(at('keys.json'), JSON.stringify([days.publicKey]))
  const trust = ['--keys', at('keys.json'), '--collector', days.collectorKey]
  const verified = await runProgram('vouch-verify', [at('trail.json'), ...trust])
  expect(verified).toMatchObject({ code: 0, stderr: '' })
  expect(
    verified.stdout.match(new RegExp(`^${dayName(1)}T08:.* up to \\d+ +${dayName(1)}$`, 'gm')),
  ).toHaveLength(6)
  expect(verified.stdout).toMatch(/1 batches; 1 have a receipt, 1 are under the root of their day/)

  const text = await readFile(at('trail.json'), 'utf8')
  const trail = fromJsonString(TrailSchema, text)
  const sent = new Set(days.receipts.map((receipt) => toBinary(ReceiptSchema, receipt).toHex()))
  expect(trail.readings).toHaveLength(6)
  expect(trail.receipts).toHaveLength(1)
  for (const signed of trail.receipts) {
    expect(storedReceipts).toContain(toBinary(SignedReceiptSchema, signed).toHex())
    expect(sent).toContain(signed.receipt.toHex())
    const { runId, sequence } = fromBinary(ReceiptSchema, signed.receipt)
    for (const reading of trail.readings) {
      expect(reading.runId.toHex()).toBe(runId.toHex())
      expect(reading.sequence <= sequence).toBe(true)
    }
  }

  const forged = text.replace(
    /("register": ?"\d*)(\d)"/,
    (_, head, digit) => `${head}${(Number(digit) + 1) % 10}"`,
  )
  expect(forged).not.toBe(text)
  await writeFile(at('forged.json'), forged)
  const refused = await runProgram('vouch-verify', [at('forged.json'), ...trust])
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toMatch(/^NOT VERIFIED: .*\S/)
}, 60_000)

test('what is changed in the store afterwards is named', async () => {
  expect(await collector('audit', 'export', '--leaves', '--file', at('days.json'))).toMatchObject({ code: 0 })
  const sound = await collector('audit', 'check', '--readings', '--against', at('days.json'))
  expect(sound).toMatchObject({ code: 0, stderr: '' })
  expect(sound.stdout).toContain(`${days.batches} batches: digests, bodies, signatures and chains fit.`)
  expect(sound.stdout).toContain(`${days.batches * 6} readings are what the signed bodies say.`)

  const place = `sequence = 3 AND run = (SELECT run FROM vouch.batches ORDER BY received LIMIT 1)`
  await sql(
    `ALTER TABLE vouch.segments UPDATE registers = arrayMap((one, nth) -> one + (first_row + nth = 3), registers, arrayEnumerate(registers)) WHERE ${place} SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1`,
    `ALTER TABLE vouch.batches DELETE WHERE sequence = 5 AND run = (SELECT run FROM vouch.batches ORDER BY received DESC LIMIT 1) SETTINGS mutations_sync = 2, allow_nondeterministic_mutations = 1`,
  )
  const tampered = await collector('audit', 'check', '--readings', '--against', at('days.json'))
  expect(tampered).toMatchObject({ code: 1, stdout: '' })
  expect(tampered.stderr).toMatch(
    /batch 3 of run [0-9a-f]{32} .*: the stored readings of row 2 are not in its body/,
  )
  expect(tampered.stderr).toMatch(/batch 6 of run [0-9a-f]{32} .*: 1 before it is missing, from 5 on/)
  expect(tampered.stderr).toMatch(
    new RegExp(`day ${dayName(1)}: batch [0-9a-f]{64} is under its root and not stored`),
  )
}, 60_000)
