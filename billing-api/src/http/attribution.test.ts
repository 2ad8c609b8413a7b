import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { list, openAccount, publishTariff, startFixture } from '../testing/billing-fixture.ts'
import type { Answer, Fixture } from '../testing/billing-fixture.ts'

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
  await publishTariff(fixture)
  for (const account of ['acme', 'beta', 'gamma']) await openAccount(fixture, account)
})
afterAll(() => fixture.close())

const codeOf = ({ status, body }: Answer) => (status < 300 ? status : body['code'])
const pointersOf = ({ body }: Answer) =>
  (body['errors'] === undefined ? [body] : list(body['errors'])).map(
    (fault) => `${fault['code']!} ${fault['pointer']!}`,
  )
const put = (resource: string, attributes: unknown, from: string) =>
  fixture.send('PUT', '/v1/resources/attributes', { resource, attributes, from })
const post = (effectiveFrom: string, rules: readonly unknown[], rest: object = {}) =>
  fixture.send('POST', '/v1/attribution-rule-sets', { effectiveFrom, rules, ...rest })
const why = async (resource: string, at: string) =>
  (await fixture.send('GET', `/v1/attribution?resource=${resource}&at=${at}`)).body
const history = async (resource: string) =>
  list((await fixture.send('GET', `/v1/resources/attributes?resource=${resource}`)).body['items']).map(
    ({ period, attributes }) => [period!['from'], period!['to'], attributes],
  )
const sole = (account: string) => [{ account, percent: '100' }]

describe('attributes of resources', () => {
  it('hold from their instant until the next ones, whatever the order in which they come', async () => {
    const given = await put(
      'host:x',
      { env: 'live', 'app.kubernetes.io/name': 'Łódź' },
      '2026-03-01T00:00:00Z',
    )
    expect(given).toMatchObject({ status: 200, body: { period: { from: '2026-03-01T00:00:00Z' } } })
    await put('host:x', { env: 'test' }, '2026-01-01T00:00:00Z')
    await put('host:x', {}, '2026-02-01T01:00:00.500+01:00')
    await put('host:x', { env: 'stage' }, '2026-01-01T00:00:00Z')
    expect(await history('host:x')).toEqual([
      ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00.500Z', { env: 'stage' }],
      ['2026-02-01T00:00:00.500Z', '2026-03-01T00:00:00Z', {}],
      ['2026-03-01T00:00:00Z', undefined, { env: 'live', 'app.kubernetes.io/name': 'Łódź' }],
    ])
    expect(await history('host:x/disk:vda')).toEqual([])
  })

  it('are listed in pages', async () => {
    const path = '/v1/resources/attributes?resource=host:x&limit=2'
    const { body } = await fixture.send('GET', path)
    const { body: second } = await fixture.send('GET', `${path}&cursor=${body['next']!}`)
    expect([list(body['items']).length, list(second['items']).length, second['next']]).toEqual([
      2,
      1,
      undefined,
    ])
  })

  it.each<[string, object, readonly string[]]>([
    [
      'a resource and an instant that are none',
      { resource: 'a//b', attributes: {}, from: '1960-01-01T00:00:00Z' },
      ['FIELD_INVALID /resource', 'INSTANT_INVALID /from'],
    ],
    [
      'a value that is no text',
      { resource: 'a', attributes: { env: 1 }, from: '2026-01-01T00:00:00Z' },
      ['FIELD_INVALID /attributes/env'],
    ],
    [
      'a value of two lines',
      { resource: 'a', attributes: { env: 'a\nb' }, from: '2026-01-01T00:00:00Z' },
      ['FIELD_INVALID /attributes/env'],
    ],
    ['nothing', {}, ['FIELD_MISSING /resource', 'FIELD_MISSING /attributes', 'FIELD_MISSING /from']],
  ])('are refused with %s', async (_what, body, faults) => {
    expect(pointersOf(await fixture.send('PUT', '/v1/resources/attributes', body))).toEqual(faults)
  })

  it('are refused with a name that is none', async () => {
    const answer = await put('a', { '1 2': 'x' }, '2026-01-01T00:00:00Z')
    expect([answer.status, answer.body['code'], answer.body['detail']]).toEqual([
      400,
      'FIELD_INVALID',
      expect.stringContaining('1 2'),
    ])
  })

  it('are written at most once for a key, and logged', async () => {
    const body = { resource: 'host:y', attributes: { a: 'b' }, from: '2026-01-01T00:00:00Z' }
    const options = { idempotencyKey: 'attributes' }
    const answers = [1, 2].map(() => () => fixture.send('PUT', '/v1/resources/attributes', body, options))
    for (const answer of answers) expect(codeOf(await answer())).toBe(200)
    const { body: audit } = await fixture.send('GET', '/v1/audit?limit=200')
    const records = list(audit['items']).map(({ record }) => JSON.parse(record!))
    const deeds = records.filter(({ subject }) => subject === 'host:y')
    expect(deeds).toMatchObject([{ action: 'attributes.put', detail: { request: body } }])
  })
})

describe('rule sets', () => {
  const rules = [
    {
      id: 'web',
      priority: 20,
      when: { resource: 'rack:1/*', attributes: { team: ['web', 'cdn'], env: 'live' } },
      to: [
        { account: 'beta', costCentre: 'ops', percent: '33.30' },
        { account: 'acme', percent: '66.7' },
      ],
    },
    { id: 'disks', priority: 10, when: { resource: 'rack:1/host:a/disk:vda' }, to: sole('gamma') },
  ]

  it('are kept in the order in which they are asked, by version', async () => {
    const answer = await post('2027-01-01T00:00:00Z', rules, {
      default: { account: 'gamma', costCentre: 'misc' },
    })
    const expected = {
      version: 1,
      effectiveFrom: '2027-01-01T00:00:00Z',
      rules: [
        rules[1],
        {
          ...rules[0],
          when: { resource: 'rack:1/*', attributes: { env: 'live', team: ['cdn', 'web'] } },
          to: [
            { account: 'acme', percent: '66.7' },
            { account: 'beta', costCentre: 'ops', percent: '33.3' },
          ],
        },
      ],
      default: { account: 'gamma', costCentre: 'misc' },
    }
    expect([answer.status, answer.body]).toEqual([201, expected])
    expect((await fixture.send('GET', '/v1/attribution-rule-sets/1')).body).toEqual(expected)
    expect(codeOf(await post('2028-01-01T00:00:00Z', []))).toBe(201)
    const { body } = await fixture.send('GET', '/v1/attribution-rule-sets?limit=1')
    const { body: next } = await fixture.send('GET', `/v1/attribution-rule-sets?cursor=${body['next']!}`)
    expect([body['items'], list(next['items'])[0]]).toMatchObject([[expected], { version: 2, rules: [] }])
    expect(codeOf(await fixture.send('GET', '/v1/attribution-rule-sets/3'))).toBe('NOT_FOUND')
  })

  it('are refused with all faults at once', async () => {
    const answer = await post(
      '2027-01-01T00:00:00Z',
      [
        { id: 'a', priority: 1, when: {}, to: [{ account: 'nobody', percent: '50' }] },
        {
          id: 'b',
          priority: 2,
          when: { attributes: { env: 'live' } },
          to: [{ account: 'acme', percent: '1e2' }],
        },
        { id: 'b', priority: 3, when: { resource: '*' }, to: sole('acme') },
      ],
      { default: { account: 'none' } },
    )
    expect(answer.status).toBe(409)
    expect(pointersOf(answer)).toEqual([
      'ALREADY_EXISTS /effectiveFrom',
      'ATTRIBUTION_INVALID /rules/0/to',
      'DECIMAL_INVALID /rules/1/to/0/percent',
      'FIELD_INVALID /rules/2/when/resource',
      'ATTRIBUTION_INVALID /rules/2/id',
      'NOT_FOUND /rules/0/to/0/account',
      'NOT_FOUND /default/account',
    ])
    const shape = await post('2027-01-02T00:00:00Z', [{ id: 'A', priority: -1, when: {}, to: [], extra: 1 }])
    expect(pointersOf(shape)).toEqual(
      expect.arrayContaining([
        'FIELD_UNKNOWN /rules/0/extra',
        'FIELD_INVALID /rules/0/id',
        'FIELD_INVALID /rules/0/priority',
        'FIELD_INVALID /rules/0/to',
      ]),
    )
  })

  it('never change, whoever writes', async () => {
    for (const statement of [
      "UPDATE billing.attribution_rule_sets SET effective_from = '2026-01-01Z'",
      'DELETE FROM billing.attribution_rule_sets',
    ]) {
      // 23001 restrict_violation
      await expect(fixture.sql.query(statement)).rejects.toMatchObject({ code: '23001' })
    }
    const twice = `INSERT INTO billing.resource_attributes SELECT resource, attributes, period, now() FROM billing.resource_attributes WHERE resource = 'host:y'`
    // 23P01 exclusion_violation
    await expect(fixture.sql.query(twice)).rejects.toMatchObject({ code: '23P01' })
  })

  it('are two, where twelve come at once for two instants', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) => post(`203${index % 2}-01-01T00:00:00Z`, [])),
    )
    const codes = answers.map((answer) => `${codeOf(answer)}`).toSorted((a, b) => (a < b ? -1 : 1))
    expect(codes).toEqual(['201', '201', ...Array(10).fill('ALREADY_EXISTS')])
  })
})

describe('why is this here', () => {
  beforeAll(async () => {
    await put('rack:1', { env: 'live' }, '2027-01-01T00:00:00Z')
    await put('rack:1/host:a', { team: 'web' }, '2027-06-01T00:00:00Z')
  })

  it('names the rule, what it saw and from where, and what was asked before', async () => {
    expect(await why('rack:1/host:a/disk:vdb', '2027-06-01T00:00:00Z')).toEqual({
      resource: 'rack:1/host:a/disk:vdb',
      at: '2027-06-01T00:00:00Z',
      by: 'rule',
      ruleSet: 1,
      rule: 'web',
      shares: [
        { account: 'acme', percent: '66.7' },
        { account: 'beta', costCentre: 'ops', percent: '33.3' },
      ],
      attributes: [
        { name: 'env', value: 'live', from: 'rack:1' },
        { name: 'team', value: 'web', from: 'rack:1/host:a' },
      ],
      rejected: [
        {
          rule: 'disks',
          condition: 'resource',
          wanted: ['rack:1/host:a/disk:vda'],
          met: 'rack:1/host:a/disk:vdb',
        },
      ],
    })
  })

  it('names the first condition that failed, the default, and nobody', async () => {
    const before = await why('rack:1/host:a', '2027-05-31T23:59:59.999Z')
    expect(before).toMatchObject({
      by: 'default',
      shares: [{ account: 'gamma', costCentre: 'misc', percent: '100' }],
      rejected: [{ rule: 'disks' }, { rule: 'web', condition: 'attributes.team', wanted: ['cdn', 'web'] }],
    })
    expect(list(before['rejected'])[1]!['met']).toBeUndefined()
    expect(await why('rack:1/host:a', '2026-12-31T23:59:59.999Z')).toMatchObject({
      by: 'nobody',
      shares: [],
      rejected: [],
    })
    expect(await why('rack:1/host:a', '2028-01-01T00:00:00Z')).toMatchObject({
      by: 'nobody',
      ruleSet: 2,
      shares: [],
    })
  })

  it('names an assignment of a path above before any rule', async () => {
    const { body } = await fixture.send('POST', '/v1/assignments', {
      account: 'acme',
      resource: 'rack:1/host:a',
      period: { from: '2027-07-01T00:00:00Z' },
    })
    expect(await why('rack:1/host:a/disk:vda', '2027-07-01T00:00:00Z')).toMatchObject({
      by: 'assignment',
      assignment: { id: body['id'], account: 'acme', resource: 'rack:1/host:a' },
      shares: [{ account: 'acme', percent: '100' }],
    })
    expect((await why('rack:1/host:a/disk:vda', '2027-06-30T23:59:59.999Z'))['by']).toBe('rule')
  })

  it.each([
    ['resource=a//b&at=now', ['INSTANT_INVALID /at']],
    ['resource=a//b&at=1960-01-01T00:00:00Z', ['FIELD_INVALID /resource', 'INSTANT_INVALID /at']],
    ['at=2026-01-01T00:00:00Z', ['FIELD_MISSING /resource']],
  ])('refuses %s', async (query, faults) => {
    expect(pointersOf(await fixture.send('GET', `/v1/attribution?${query}`))).toEqual(faults)
  })
})
