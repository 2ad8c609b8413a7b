import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { BATCH, EventsHost, SINGLE, samplesOf } from '../testing/events-host.ts'

const host = new EventsHost()
afterEach(() => host.reset())
afterAll(() => host.remove())

const { time } = host
const json = (value: unknown): string => JSON.stringify(value)
const call = { specversion: '1.0', id: '1', source: '/s', type: 'call', time }
const tokens = { ...call, type: 'tokens', subject: 'my api', region: 'eu/1', data: { tokens: 5 } }

describe('requests', () => {
  it.each<[string, string, Record<string, string>]>([
    ['structured', json(tokens), { 'content-type': SINGLE }],
    ['structured with a charset', json(tokens), { 'content-type': `${SINGLE}; charset=UTF-8` }],
    [
      'structured with nanoseconds',
      json({ ...tokens, time: time.replace('Z', '999999Z') }),
      { 'content-type': SINGLE },
    ],
    ['batched', json([tokens, tokens]), { 'content-type': BATCH }],
    [
      'binary',
      json(tokens.data),
      {
        'content-type': 'application/json',
        'ce-specversion': '1.0',
        'ce-id': '1',
        'ce-source': '/s',
        'ce-type': 'tokens',
        'ce-time': time,
        'ce-subject': 'my%20api',
        'ce-region': '"eu/1"',
      },
    ],
  ])('%s are counted', async (_, body, headers) => {
    const events = await host.start()
    const repeated = body.startsWith('[') ? 1 : 0
    expect(await host.post(body, headers, '/v1/events')).toEqual({
      status: 200,
      type: 'application/json',
      body: { counted: 1, repeated },
    })
    expect(await samplesOf(events)).toMatchObject([
      {
        resource: 'host:a/service:my%20api/region:eu%2F1',
        meter: 'llm.tokens',
        unit: '1',
        value: 5n,
        attributes: { region: 'eu/1' },
      },
    ])
    expect(events.faults?.()).toEqual([])
  })

  it.each<[string, string | Uint8Array, Record<string, string | string[]>, number, object]>([
    ['no JSON', '{', { 'content-type': SINGLE }, 400, { code: 'BODY_MALFORMED' }],
    ['a key twice', '{"id":"1","id":"2"}', { 'content-type': SINGLE }, 400, { code: 'BODY_MALFORMED' }],
    ['no batch', '{}', { 'content-type': BATCH }, 400, { code: 'BODY_MALFORMED' }],
    [
      'another type',
      json(call),
      { 'content-type': 'application/json' },
      415,
      { code: 'MEDIA_TYPE_UNSUPPORTED' },
    ],
    ['no type', json(call), {}, 415, { code: 'MEDIA_TYPE_UNSUPPORTED' }],
    [
      'another form',
      'x',
      { 'content-type': 'application/cloudevents+avro', 'ce-specversion': '1.0' },
      415,
      { code: 'MEDIA_TYPE_UNSUPPORTED' },
    ],
    [
      'another charset',
      json(call),
      { 'content-type': `${SINGLE};charset=latin1` },
      415,
      { code: 'MEDIA_TYPE_UNSUPPORTED' },
    ],
    [
      'a coding',
      json(call),
      { 'content-type': SINGLE, 'content-encoding': 'gzip' },
      415,
      { code: 'MEDIA_TYPE_UNSUPPORTED' },
    ],
    [
      'a header twice',
      '',
      { 'ce-specversion': '1.0', 'ce-id': ['1', '2'] },
      400,
      { code: 'FIELD_INVALID', pointer: 'ce-id' },
    ],
    ['a text for an event', '"x"', { 'content-type': SINGLE }, 400, { code: 'FIELD_INVALID', pointer: '' }],
    [
      'an old version',
      json({ ...call, specversion: '0.3' }),
      { 'content-type': SINGLE },
      400,
      { code: 'FIELD_INVALID', pointer: '/specversion' },
    ],
    [
      'no id',
      json({ ...call, id: undefined }),
      { 'content-type': SINGLE },
      400,
      { code: 'FIELD_MISSING', pointer: '/id' },
    ],
    [
      'no source',
      json({ ...call, source: undefined }),
      { 'content-type': SINGLE },
      400,
      { code: 'FIELD_MISSING', pointer: '/source' },
    ],
    [
      'no time',
      json({ ...call, time: undefined }),
      { 'content-type': SINGLE },
      400,
      { code: 'FIELD_MISSING', pointer: '/time' },
    ],
    [
      'a lone surrogate',
      '{"specversion":"1.0","id":"\\ud800"}',
      { 'content-type': SINGLE },
      400,
      { code: 'FIELD_INVALID', pointer: '/id' },
    ],
    [
      'another form of time',
      json({ ...call, time: 'today' }),
      { 'content-type': SINGLE },
      400,
      { code: 'FIELD_INVALID', pointer: '/time' },
    ],
    [
      'a time to come',
      json({ ...call, time: new Date(host.world.wallMs() + 90_000).toISOString() }),
      { 'content-type': SINGLE },
      422,
      { code: 'EVENT_IN_FUTURE', pointer: '/time' },
    ],
    [
      'a time long past',
      json({ ...call, time: '2000-01-01T00:00:00Z' }),
      { 'content-type': SINGLE },
      422,
      { code: 'EVENT_TOO_OLD', pointer: '/time' },
    ],
    [
      'an unknown type',
      json([call, { ...call, type: 'x' }]),
      { 'content-type': BATCH },
      422,
      { code: 'EVENT_UNDECLARED', pointer: '/1/type', index: 1 },
    ],
    [
      'no data',
      json({ ...tokens, data: undefined }),
      { 'content-type': SINGLE },
      400,
      { code: 'FIELD_MISSING', pointer: '/data/tokens' },
    ],
    [
      'no dimension',
      json({ ...tokens, region: undefined }),
      { 'content-type': SINGLE },
      400,
      { code: 'FIELD_MISSING', pointer: '/region' },
    ],
    [
      'a long resource',
      json({ ...tokens, region: 'x'.repeat(200) }),
      { 'content-type': SINGLE },
      400,
      { code: 'FIELD_INVALID' },
    ],
    [
      'a negative amount',
      json({ ...tokens, data: { tokens: -1 } }),
      { 'content-type': SINGLE },
      400,
      { code: 'OUT_OF_RANGE', pointer: '/data/tokens' },
    ],
    [
      'an inexact amount',
      json({ ...tokens, data: { tokens: 1e-10 } }),
      { 'content-type': SINGLE },
      400,
      { code: 'DECIMAL_INVALID', pointer: '/data/tokens' },
    ],
    ['a large body', 'x'.repeat(2000), { 'content-type': SINGLE }, 413, { code: 'BODY_TOO_LARGE' }],
    [
      'a page',
      json(call),
      { 'content-type': SINGLE, origin: 'http://a.example' },
      403,
      { code: 'FORBIDDEN' },
    ],
  ])('with %s are refused', async (_, body, headers, status, problem) => {
    const events = await host.start({ VOUCH_AGENT_EVENTS_BODY_BYTES_MAX: '1024' })
    const answer = await host.post(body, headers)
    expect(answer).toMatchObject({
      type: 'application/problem+json',
      body: { status: answer.status, ...problem },
    })
    expect(answer.status).toBe(status)
    await host.post(body, headers)
    expect(await samplesOf(events)).toEqual([])
    const kept = events.faults?.().map(({ message }) => message) ?? []
    expect(kept).toHaveLength(status === 403 ? 0 : 1)
    expect(await host.post(json(call), { 'content-type': SINGLE })).toMatchObject({ body: { counted: 1 } })
  })

  it('tell every fault of a batch and its place', async () => {
    await host.start()
    const answer = await host.post(json([{ ...call, id: '' }, call, 7]), { 'content-type': BATCH })
    expect(answer.body['errors']).toMatchObject([
      { index: 0, pointer: '/0/id' },
      { index: 2, pointer: '/2' },
    ])
    expect(await host.post('', {}, '/', 'GET')).toMatchObject({ status: 404 })
  })
})
