import { create } from '@bufbuild/protobuf'
import {
  GetEvidenceRequestSchema,
  PinEvidenceRequestSchema,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import { proofText } from '@vouch/proto/seal/proof.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { evidence } from '../evidence/evidence.ts'
import { pinEvidence } from '../evidence/pin.ts'
import type { EvidencePins } from '../rate/ports.ts'
import { createTestAgent } from '../testing/test-agent.ts'
import { BILLED, measuredHost } from '../testing/test-month.ts'
import { proofOf, snapshotOf } from '../testing/test-proof.ts'
import { type TestStore, createTestStore } from '../testing/test-store.ts'
import { verifyProof } from '../verify/verify.ts'
import { createArchive } from './archive.ts'
import { createPins } from './pins.ts'
import { type Reader, createReader } from './reader.ts'
import { createUsageStore } from './usage-store.ts'

const LIMITS = { linksMax: 1000, runsMax: 10 }
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const UNTIL_MS = Date.UTC(2037, 0, 1)

let store: TestStore
let reader: Reader
const host = measuredHost('pinned')
const rest = measuredHost('unpinned')

beforeAll(async () => {
  store = await createTestStore()
  reader = createReader(() => store.connect(), store.database, 2)
  for (const { agent, streams, batches } of [host, rest]) {
    await store.define(agent, streams)
    await store.insert(agent, batches)
  }
}, 60_000)
afterAll(async () => {
  await reader.close()
  await store.dispose()
})

const count = async (table: string, where = '1'): Promise<number> => {
  const sql = `SELECT toUInt32(count()) AS n FROM {database:Identifier}.${table} WHERE ${where}`
  return Number(unwrap(await reader.rows({ sql, params: {} }))[0]!['n'])
}
const ofHost = (sent: typeof host): string => `agent = unhex('${sent.agent.agentId.toHex()}')`
const expire = async (table: string, ttl: string): Promise<void> => {
  await store.command(`ALTER TABLE ${store.database}.${table} MODIFY TTL ${ttl} SETTINGS mutations_sync = 1`)
  await store.command(`OPTIMIZE TABLE ${store.database}.${table} FINAL`)
}
const pin = (document: string, digests: readonly Uint8Array[], pins: EvidencePins, untilMs = UNTIL_MS) =>
  pinEvidence(
    create(PinEvidenceRequestSchema, {
      document,
      retainUntilMs: BigInt(untilMs),
      batchDigests: [...digests],
    }),
    createArchive(reader),
    pins,
    LIMITS,
  )
const answers = async (digests: readonly Uint8Array[]): Promise<string[]> => {
  const request = create(GetEvidenceRequestSchema, { batchDigests: [...digests] })
  return (await Array.fromAsync(evidence(request, createArchive(reader), LIMITS))).map((item) =>
    JSON.stringify(item, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
  )
}

/** The proof of what the store says now; how far its archive reaches changes with retention, and is left out. */
async function proofNow() {
  const sources = { store: createUsageStore(reader), archive: createArchive(reader) }
  const snapshot = await snapshotOf(['host:pinned'], BILLED, sources)
  snapshot.watermarks = []
  return proofOf(snapshot, BILLED, sources.archive)
}

describe('evidence of a document', () => {
  const digests = [host.batches[1]!, host.batches[8]!, host.batches[12]!].map(({ digest }) => digest)
  let before: string[]
  let proof: string

  test('half a pin is not taken for one, and repeating it completes it', async () => {
    before = await answers(digests)
    proof = proofText(await proofNow())
    const real = createPins(reader)
    let links = 0
    const breaks: EvidencePins = {
      pin: async (document, full, between) => {
        unwrap(await real.pin(document, full, []))
        links = between.length
        return fail('STORE_UNAVAILABLE', 'the connection broke')
      },
    }
    expect(await pin('inv-1', digests, breaks)).toMatchObject({ fault: { code: 'STORE_UNAVAILABLE' } })
    expect(await count('evidence', "document = 'inv-1'")).toBe(3)
    const pinned = unwrap(await pin('inv-1', digests, real))
    expect(pinned).toMatchObject({ batches: 3, links })
    expect(links).toBe(12 - 1 - 2)
    await Promise.all([pin('inv-1', digests, real), pin('inv-1', digests, real)])
    expect(await count('evidence FINAL', "document = 'inv-1'")).toBe(3 + links)
    expect(await count('batches_v1')).toBe(host.batches.length + rest.batches.length)
  })

  test('the proof of an invoice is the same bytes before and after its batches have expired', async () => {
    // What an invoice names: opening and closing of every epoch of its lines.
    const named = new Set(
      (await proofNow()).batches.filter(({ body }) => body.length > 0).map(({ header }) => header.toHex()),
    )
    const billed = host.batches
      .filter(({ signed }) => named.has(signed.header.toHex()))
      .map(({ digest }) => digest)
    unwrap(await pin('inv-2', billed, createPins(reader)))
    expect(await answers(digests)).toEqual(before)
    await expire('batches', 'toDateTime(last_time) + toIntervalDay(1)')
    expect(await count('batches')).toBe(0)
    expect(await count('batches_v1', ofHost(rest))).toBe(0)
    expect(await answers(digests)).toEqual(before)
    const again = proofText(await proofNow())
    expect(again).toBe(proof)
    unwrap(verifyProof(again))
  })

  test('can be pinned from what another document holds, and lives until the last of both', async () => {
    unwrap(await pin('inv-3', digests, createPins(reader), UNTIL_MS + DAY_MS))
    await store.command(
      `ALTER TABLE ${store.database}.evidence DELETE WHERE document IN ('inv-1', 'inv-2') SETTINGS mutations_sync = 1`,
    )
    expect(await answers(digests)).toEqual(before)
  })

  test('goes when its document may go', async () => {
    // Already over: the engine may drop the rows at the insert, which is refused, or at the next merge.
    await pin('inv-4', digests.slice(0, 1), createPins(reader), Date.UTC(2020, 0, 1))
    await store.command(`OPTIMIZE TABLE ${store.database}.evidence FINAL`)
    expect(await count('evidence', "document = 'inv-4'")).toBe(0)
    expect(await answers(digests)).toEqual(before)
  })

  test.each<[string, string, number, readonly Uint8Array[], string]>([
    ['a batch that has gone', 'inv-5', UNTIL_MS, [rest.batches[0]!.digest], 'EVIDENCE_MISSING'],
    ['a document without a name', '', UNTIL_MS, digests, 'FIELD_INVALID'],
    ['a document that is SQL', "a'b", UNTIL_MS, digests, 'FIELD_INVALID'],
    ['an instant beyond the clock', 'inv-5', Date.UTC(2100, 0, 1), digests, 'OUT_OF_RANGE'],
    ['no instant', 'inv-5', 0, digests, 'OUT_OF_RANGE'],
  ])('%s is refused and keeps nothing', async (_, document, untilMs, wanted, code) => {
    expect(await pin(document, wanted, createPins(reader), untilMs)).toMatchObject({ fault: { code } })
    expect(await count('evidence', "document = 'inv-5'")).toBe(0)
  })
})

describe('usage when readings have expired and hours remain', () => {
  // One reading every 20 minutes over four days around the edge of retention, a restart in an hour of its own.
  const nowMs = Date.now()
  const edgeMs = nowMs - 2 * DAY_MS
  const agent = createTestAgent('edge')
  const stream = agent.define('host:edge', 'host.cpu.used', 'ms')
  const records = async (from: number, to: number) => {
    const usage = createUsageStore(reader)
    return usage.records(unwrap(await usage.streams(['host:edge'], [])), { from, to })
  }

  beforeAll(async () => {
    await store.command(`ALTER TABLE ${store.database}.batches REMOVE TTL`)
    await store.define(agent, [stream])
    const step = HOUR_MS / 3
    const batches = Array.from({ length: 4 * 24 }, (_, hour) =>
      agent.seal(
        Array.from({ length: 3 }, (__, i) => {
          const timeMs = nowMs - 4 * DAY_MS + hour * HOUR_MS + i * step
          return { stream, epoch: 1n, timeMs, register: BigInt(hour * 3 + i), spanMs: step }
        }),
      ),
    )
    await store.insert(agent, batches)
    await store.command(
      `INSERT INTO ${store.database}.retention_log (at, applied, readings_days, hours_days) SELECT now64(3) - 1, 0, map('', toUInt32(2)), map('', toUInt32(0))`,
    )
  }, 60_000)

  test.each([
    ['before the engine has deleted anything', async () => {}],
    [
      'when it has deleted some of an hour only',
      async () => {
        await store.command(
          `ALTER TABLE ${store.database}.segments DELETE WHERE last_time < fromUnixTimestamp64Milli(${edgeMs}) AND sequence % 2 = 1 SETTINGS mutations_sync = 1`,
        )
      },
    ],
    [
      'when it has deleted all of it',
      async () => expire('segments', 'toDateTime(last_time) + toIntervalDay(2)'),
    ],
  ])('a boundary there is EVIDENCE_MISSING, %s', async (_, remove) => {
    await remove()
    const expired = {
      ok: false,
      fault: { code: 'EVIDENCE_MISSING', message: expect.stringContaining('have expired') },
    }
    const hour = Math.floor((edgeMs - 5 * HOUR_MS) / HOUR_MS) * HOUR_MS
    expect(await records(hour, nowMs)).toMatchObject(expired)
    expect(await records(hour + 700_000, hour + 800_000)).toMatchObject(expired)
    expect(await records(edgeMs - 1, nowMs)).toMatchObject(expired)
    expect(await records(nowMs - 10 * DAY_MS, nowMs)).toMatchObject(expired)
    const [record] = unwrap(await records(edgeMs + HOUR_MS, nowMs))
    expect(record!.epochs).toHaveLength(1)
  })

  test('steps there that divide an hour are EVIDENCE_MISSING, whole hours are not', async () => {
    const hour = Math.floor((edgeMs - 5 * HOUR_MS) / HOUR_MS) * HOUR_MS
    const usage = createUsageStore(reader)
    const streams = unwrap(await usage.streams(['host:edge'], []))
    expect(await usage.series(streams, [hour, hour + HOUR_MS])).toMatchObject({ ok: true })
    expect(await usage.series(streams, [hour, hour + HOUR_MS / 2, hour + HOUR_MS])).toMatchObject({
      fault: { code: 'EVIDENCE_MISSING', message: expect.stringMatching(/^readings of host/) },
    })
  })

  test('a reading that is gone without any policy is EVIDENCE_MISSING too', async () => {
    await store.command(`TRUNCATE TABLE ${store.database}.retention_log`)
    expect(await records(nowMs - 3 * DAY_MS, nowMs)).toMatchObject({
      fault: { code: 'EVIDENCE_MISSING', message: expect.stringContaining('has gone') },
    })
  })

  test('a period from before the hours that are kept is EVIDENCE_MISSING', async () => {
    await store.command(
      `INSERT INTO ${store.database}.retention_log (at, applied, readings_days, hours_days) SELECT now64(3) - 1, 0, map('', toUInt32(2)), map('', toUInt32(3))`,
    )
    expect(await records(nowMs - 4 * DAY_MS, nowMs)).toMatchObject({
      fault: { message: expect.stringMatching(/^hours of host\.cpu\.used/) },
    })
    const usage = createUsageStore(reader)
    const streams = unwrap(await usage.streams(['host:edge'], []))
    const day = Math.floor(nowMs / DAY_MS) * DAY_MS
    expect(await usage.series(streams, [day - 5 * DAY_MS, day])).toMatchObject({
      fault: { code: 'EVIDENCE_MISSING', message: expect.stringMatching(/^hours of host/) },
    })
  })
})
