import { fromBinary } from '@bufbuild/protobuf'
import { UsageCorrectionSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { usageCorrectionValid } from '@vouch/proto/seal/usage-correction.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NOW_MS, draw, list, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
})
afterAll(() => fixture.close())

const HOURS = { from: '2026-02-10T00:00:00Z', to: '2026-02-10T06:00:00Z' }
const because = { reason: 'the meter ran on during maintenance', person: 'Ada Lovelace' }
const enter = (body: object) =>
  fixture.send('POST', '/v1/usage-corrections', { kind: 'void', period: HOURS, ...because, ...body })
const issue = (id: string) => fixture.send('POST', `/v1/invoices/${id}/issue`)
const sentFor = (resource: string) =>
  fixture.rating.requests.findLast(({ assignments }) =>
    assignments.some((each) => each.resource === resource),
  )!

describe('an entry', () => {
  it('is signed, listed, and measured with', async () => {
    await openAccount(fixture, 'voided')
    const { status, body } = await enter({ resource: 'host:voided/disk:vda', meter: 'host.disk.read' })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      kind: 'void',
      resource: 'host:voided/disk:vda',
      meter: 'host.disk.read',
      period: HOURS,
      ...because,
      publicKey: toHex(fixture.issuerPublicKey),
    })
    const { body: page } = await fixture.send('GET', '/v1/usage-corrections?limit=200')
    expect(list(page['items']).at(-1)).toEqual(body)
    const { rows } = await fixture.sql.query<{ entry: Buffer }>(
      'SELECT entry FROM billing.usage_corrections WHERE correction_id = $1',
      [body['id']],
    )
    const kept = fromBinary(UsageCorrectionSchema, rows[0]!.entry)
    expect(usageCorrectionValid(kept)).toBe(true)
    kept.reason = 'another'
    expect(usageCorrectionValid(kept)).toBe(false)

    const id = await draw(fixture, 'voided', 2)
    expect(sentFor('host:voided').usageCorrections.map(({ correctionId }) => correctionId)).toEqual([
      body['id'],
    ])
    const { body: invoice } = await fixture.send('GET', `/v1/invoices/${id}`)
    expect(invoice['statements']![0]!['usageCorrections']).toEqual([body])
    // Another month knows nothing of it.
    await draw(fixture, 'voided', 3)
    expect(sentFor('host:voided').usageCorrections).toEqual([])
  })

  it('stays in the audit log, and cannot be changed', async () => {
    const { body } = await fixture.send('GET', '/v1/audit?limit=200')
    const records = list(body['items']).map((row) => JSON.parse(row['record']!) as { action: string })
    expect(records.map(({ action }) => action)).toContain('usage-correction.create')
    for (const change of [
      "UPDATE billing.usage_corrections SET meter = ''",
      'DELETE FROM billing.usage_corrections',
    ])
      await expect(fixture.sql.query(change)).rejects.toThrow(/append/)
  })

  it('of a month that was invoiced comes with the next invoice, as a correction', async () => {
    await openAccount(fixture, 'billed')
    await issue(await draw(fixture, 'billed', 2))
    const { body } = await enter({ resource: 'host:billed' })
    await draw(fixture, 'billed', 3)
    const corrected = fixture.rating.rated.findLast(({ corrects }) => corrects !== '')!
    expect(corrected.corrects).toMatch(/^INV-/)
    expect(corrected.usageCorrections.map(({ correctionId }) => correctionId)).toEqual([body['id']])
  })

  it('makes a draft stale that was drawn before it', async () => {
    await openAccount(fixture, 'stale')
    const draft = await draw(fixture, 'stale', 2)
    const { body: entry } = await enter({ resource: 'host:stale' })
    expect((await issue(draft)).body).toMatchObject({ code: 'DRAFT_STALE' })
    expect((await issue(await draw(fixture, 'stale', 2))).status).toBe(200)
    // Of other resources, and of other times, it does not.
    const march = await draw(fixture, 'stale', 3)
    await enter({ resource: 'host:unknown' })
    await fixture.send('POST', `/v1/usage-corrections/${entry['id']}/withdrawal`, because)
    expect((await issue(march)).status).toBe(200)
  })

  it('that is withdrawn holds no more, and stays', async () => {
    await openAccount(fixture, 'withdrawn')
    const { body: entry } = await enter({ resource: 'host:withdrawn' })
    const path = `/v1/usage-corrections/${entry['id']}/withdrawal`
    const { status, body } = await fixture.send('POST', path, because)
    expect(status).toBe(201)
    expect(body).toMatchObject({ kind: 'withdraw', withdraws: entry['id'], ...because })
    await draw(fixture, 'withdrawn', 2)
    expect(sentFor('host:withdrawn').usageCorrections).toEqual([])
    expect((await fixture.send('POST', path, because)).body).toMatchObject({ code: 'ALREADY_EXISTS' })
    expect(
      (await fixture.send('POST', `/v1/usage-corrections/${body['id']}/withdrawal`, because)).body,
    ).toMatchObject({ code: 'FIELD_INVALID' })
    const { body: page } = await fixture.send('GET', '/v1/usage-corrections?limit=200')
    expect(list(page['items']).find((each) => each['id'] === entry['id'])).toMatchObject({
      withdrawnBy: body['id'],
    })
    expect((await enter({ resource: 'host:withdrawn' })).status).toBe(201)
  })

  it('makes a draft stale whatever the clocks say', async () => {
    await openAccount(fixture, 'clocks')
    const draft = await draw(fixture, 'clocks', 2)
    fixture.setNow(NOW_MS - 3_600_000)
    await enter({ resource: 'host:clocks' })
    expect((await issue(draft)).body).toMatchObject({ code: 'DRAFT_STALE' })
    fixture.setNow(NOW_MS + 3_600_000)
  })

  it('waits for no draw of another account', async () => {
    await openAccount(fixture, 'slow')
    let open = (): void => undefined
    fixture.rating.gate = new Promise((resolve) => (open = resolve))
    const drawing = draw(fixture, 'slow', 2)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect((await enter({ resource: 'host:elsewhere' })).status).toBe(201)
    open()
    fixture.rating.gate = undefined
    await drawing
  })

  it('of two that are entered at once for the same, one holds', async () => {
    const answers = await Promise.all(
      ['host:race', 'host:race/disk:vda', 'host:race'].map((resource) => enter({ resource })),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 409, 409])
  })
})

describe('what is refused', () => {
  beforeAll(() => openAccount(fixture, 'other'))
  const replace = { kind: 'replace', meter: 'host.cpu.used', quantity: '1', unit: 'core-hour' }
  it.each<[string, object, number, string, string]>([
    ['no kind', { kind: 'undo' }, 400, 'FIELD_INVALID', '/kind'],
    ['a reason of two lines', { reason: 'a\nb' }, 400, 'FIELD_INVALID', '/reason'],
    ['no person', { person: ' ' }, 400, 'FIELD_INVALID', '/person'],
    ['no resource', { resource: 'host x' }, 400, 'FIELD_INVALID', '/resource'],
    [
      'a period that ends before it begins',
      { period: { from: HOURS.to, to: HOURS.from } },
      400,
      'PERIOD_REVERSED',
      '/period',
    ],
    [
      'what will be used',
      { period: { from: HOURS.from, to: '2027-01-01T00:00:00Z' } },
      400,
      'OUT_OF_RANGE',
      '/period/to',
    ],
    ['a quantity that is void', { quantity: '1' }, 400, 'FIELD_INVALID', '/quantity'],
    ['a unit of nothing', { unit: 'B' }, 400, 'FIELD_INVALID', '/unit'],
    ['no quantity', { ...replace, quantity: undefined }, 400, 'FIELD_MISSING', '/quantity'],
    ['no unit', { ...replace, unit: undefined }, 400, 'FIELD_MISSING', '/unit'],
    ['no meter', { ...replace, meter: undefined }, 400, 'FIELD_MISSING', '/meter'],
    ['a quantity below zero', { ...replace, quantity: '-1' }, 400, 'OUT_OF_RANGE', '/quantity'],
    ['a quantity that is none', { ...replace, quantity: '1e3' }, 400, 'DECIMAL_INVALID', '/quantity'],
    ['a unit that is none', { ...replace, unit: 'lots' }, 400, 'UNIT_UNKNOWN', '/unit'],
    ['a unit of something else', { ...replace, unit: 'GiB-hour' }, 422, 'UNIT_MISMATCH', '/unit'],
    [
      'a quantity of what nobody bears',
      { ...replace, resource: 'host:nobody' },
      404,
      'NOT_FOUND',
      '/resource',
    ],
    ['a meter that is none', { meter: 'CPU' }, 400, 'METER_UNKNOWN', '/meter'],
    ['an account where nothing is transferred', { to: 'other' }, 400, 'FIELD_INVALID', '/to'],
    ['no account', { kind: 'transfer' }, 400, 'FIELD_MISSING', '/to'],
    ['an account that is none', { kind: 'transfer', to: 'nobody' }, 404, 'NOT_FOUND', '/to'],
    [
      'a transfer of one meter',
      { kind: 'transfer', to: 'other', meter: 'host.cpu.used' },
      400,
      'FIELD_INVALID',
      '/meter',
    ],
    ['a transfer of what nobody has', { kind: 'transfer', to: 'other' }, 404, 'NOT_FOUND', '/resource'],
    [
      'a transfer to who has it',
      { kind: 'transfer', to: 'other', resource: 'host:other' },
      400,
      'FIELD_INVALID',
      '/to',
    ],
  ])('%s', async (_, body, status, code, pointer) => {
    const answer = await enter({ resource: 'host:refused', ...body })
    expect([answer.body['code'], answer.body['pointer'] ?? '', answer.status]).toEqual([
      code,
      pointer,
      status,
    ])
  })

  it('a unit in which the meter is not sold', async () => {
    const rounding = { mode: 'half-even', scale: 6 }
    const item = { id: 'calls', name: 'Calls', meter: 'app.calls', unit: 's', rounding }
    await fixture.send('POST', '/v1/items', item)
    const own = { ...replace, resource: 'host:other', meter: 'app.calls' }
    expect((await enter({ ...own, unit: 'GB' })).body).toMatchObject({
      code: 'UNIT_MISMATCH',
      pointer: '/unit',
    })
    expect((await enter({ ...own, unit: 'h' })).status).toBe(201)
  })

  it('a withdrawal of nothing', async () => {
    const path = '/v1/usage-corrections/00000000-0000-7000-8000-000000000000/withdrawal'
    expect((await fixture.send('POST', path, because)).body).toMatchObject({ code: 'NOT_FOUND' })
  })

  it('a second entry for the same usage', async () => {
    await openAccount(fixture, 'once')
    expect((await enter({ resource: 'host:once' })).status).toBe(201)
    const later = { from: '2026-02-10T06:00:00Z', to: '2026-02-10T07:00:00Z' }
    expect((await enter({ resource: 'host:once', period: later })).status).toBe(201)
    const { body } = await enter({ ...replace, resource: 'host:once/cpu:0' })
    expect(body).toMatchObject({ code: 'ALREADY_EXISTS', pointer: '/period' })
  })
})
