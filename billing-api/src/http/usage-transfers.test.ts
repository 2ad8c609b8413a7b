import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { draw, list, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
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

describe('a transfer', () => {
  it('takes the resource from the one account and gives it to the other', async () => {
    await openAccount(fixture, 'giver')
    await openAccount(fixture, 'taker')
    const { body } = await enter({ kind: 'transfer', resource: 'host:giver/container:1', to: 'taker' })
    expect(body).toMatchObject({ kind: 'transfer', from: 'giver', to: 'taker' })
    await draw(fixture, 'giver', 2)
    expect(sentFor('host:giver').usageCorrections.map(({ kind }) => kind)).toEqual(['transfer'])
    await draw(fixture, 'taker', 2)
    const { usageCorrections, assignments } = sentFor('host:taker')
    expect(usageCorrections).toEqual([])
    expect(
      assignments.map(({ resource, period }) => [resource, Number(period!.fromMs), Number(period!.toMs)]),
    ).toContainEqual(['host:giver/container:1', Date.parse(HOURS.from), Date.parse(HOURS.to)])
  })

  it('makes drafts of both stale, and invoices of both corrected', async () => {
    await openAccount(fixture, 'left')
    await openAccount(fixture, 'right')
    const [left, right] = [await draw(fixture, 'left', 2), await draw(fixture, 'right', 2)]
    await enter({ kind: 'transfer', resource: 'host:left', to: 'right' })
    for (const id of [left, right]) expect((await issue(id)).body).toMatchObject({ code: 'DRAFT_STALE' })
    for (const account of ['left', 'right']) await issue(await draw(fixture, account, 2))
    const entries = list((await fixture.send('GET', '/v1/usage-corrections?limit=200')).body['items'])
    await fixture.send('POST', `/v1/usage-corrections/${entries.at(-1)!['id']}/withdrawal`, because)
    for (const account of ['left', 'right']) {
      await draw(fixture, account, 3)
      // The correction is rated first, then the month itself.
      expect(fixture.rating.rated.slice(-2).map(({ corrects }) => corrects.slice(0, 4))).toEqual(['INV-', ''])
    }
  })
})

describe('a transfer would be billed twice, or to nobody', () => {
  const transfer = (from: string, to: string) => enter({ kind: 'transfer', resource: `host:${from}`, to })
  const closed = async (account: string, closing: object) => {
    const period = { from: '2026-01-01T00:00:00Z' }
    await fixture.send('POST', '/v1/accounts', { id: account, name: account, timeZone: 'Europe/Berlin' })
    await fixture.send('POST', '/v1/contracts', { account, tariff: { id: 'standard' }, period, closing })
    await fixture.send('POST', '/v1/assignments', { account, resource: `host:${account}`, period })
  }

  it('where the assignment that it takes from is ended before', async () => {
    await openAccount(fixture, 'ends')
    await openAccount(fixture, 'begins')
    await transfer('ends', 'begins')
    const { body } = await fixture.send('GET', '/v1/assignments?limit=200')
    const { id } = list(body['items']).find((each) => each['account'] === 'ends') as unknown as { id: string }
    const end = (to: string) => fixture.send('POST', `/v1/assignments/${id}/end`, { to })
    expect((await end('2026-02-10T03:00:00Z')).body).toMatchObject({ code: 'ALREADY_EXISTS', pointer: '/to' })
    expect((await end(HOURS.to)).status).toBe(200)
  })

  it.each([
    ['where the one rejects late usage', 'strict', 'other', '/resource'],
    ['where the other does', 'other', 'strict', '/to'],
  ])('%s', async (_, from, to, pointer) => {
    if (from === 'strict') {
      await openAccount(fixture, 'other')
      await closed('strict', { lateUsage: 'reject' })
      await issue(await draw(fixture, 'strict', 2))
    }
    expect((await transfer(from, to)).body).toMatchObject({ code: 'INVOICE_ISSUED', pointer })
  })

  it('where the other is under no contract', async () => {
    await fixture.send('POST', '/v1/accounts', { id: 'free', name: 'free', timeZone: 'UTC' })
    expect((await transfer('other', 'free')).body).toMatchObject({ code: 'NOT_FOUND', pointer: '/to' })
  })
})
