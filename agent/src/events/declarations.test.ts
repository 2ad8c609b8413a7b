import { describe, expect, it } from 'vitest'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { readDeclarations } from './declarations.ts'

const sound = { meter: 'api.calls', unit: '1', service: 'api' }

function faultsOf(events: JsonValue, more: object = {}): string[] {
  const read = readDeclarations({ events, ...more })
  if (read.ok) return []
  return (read.fault.causes ?? [read.fault]).map(({ code, pointer }) => `${code} ${pointer}`)
}

describe('the file of events', () => {
  it('says what each type counts', () => {
    const read = readDeclarations({
      events: {
        'a.b': { ...sound, unit: 1, amount: 1 },
        'c/d': {
          meter: 'llm.tokens',
          unit: '1',
          amount: 'data.usage.tokens',
          service: { from: 'subject' },
          dimensions: { region: 'region', model: 'data.model' },
        },
      },
    })
    expect(read).toEqual({
      ok: true,
      value: new Map([
        ['a.b', { ...sound, amount: undefined, dimensions: [] }],
        [
          'c/d',
          {
            meter: 'llm.tokens',
            unit: '1',
            amount: ['data', 'usage', 'tokens'],
            service: { from: 'subject' },
            dimensions: [
              ['region', ['region']],
              ['model', ['data', 'model']],
            ],
          },
        ],
      ]),
    })
  })

  it.each<[string, JsonValue, string]>([
    ['no types', {}, 'CONFIG_MISSING /events'],
    ['a text for a type', { x: 'y' }, 'CONFIG_INVALID /events/x'],
    ['no meter', { x: { unit: '1', service: 'api' } }, 'CONFIG_MISSING /events/x/meter'],
    ['a meter out of form', { x: { ...sound, meter: 'Calls' } }, 'METER_UNKNOWN /events/x/meter'],
    ['an unknown unit', { x: { ...sound, unit: 'calls' } }, 'UNIT_UNKNOWN /events/x/unit'],
    ['another unit', { x: { ...sound, meter: 'host.uptime' } }, 'UNIT_MISMATCH /events/x/unit'],
    [
      'a level',
      { x: { ...sound, meter: 'host.memory.held', unit: 'MiB-second' } },
      'CONFIG_INVALID /events/x/meter',
    ],
    ['two units of a meter', { x: sound, 'y/z': { ...sound, unit: 'B' } }, 'UNIT_MISMATCH /events/y~1z/unit'],
    ['no service', { x: { meter: 'a.b', unit: '1' } }, 'CONFIG_MISSING /events/x/service'],
    [
      'a service from elsewhere',
      { x: { ...sound, service: { from: 'id' } } },
      'CONFIG_INVALID /events/x/service/from',
    ],
    ['an amount of two', { x: { ...sound, amount: 2 } }, 'CONFIG_INVALID /events/x/amount'],
    ['an amount in an attribute', { x: { ...sound, amount: 'tokens' } }, 'CONFIG_INVALID /events/x/amount'],
    ['all data', { x: { ...sound, amount: 'data' } }, 'CONFIG_INVALID /events/x/amount'],
    ['a list of dimensions', { x: { ...sound, dimensions: ['a'] } }, 'CONFIG_INVALID /events/x/dimensions'],
    [
      'a dimension out of form',
      { x: { ...sound, dimensions: { 'A b': 'a' } } },
      'CONFIG_INVALID /events/x/dimensions/A b',
    ],
    [
      'an attribute with a path',
      { x: { ...sound, dimensions: { a: 'b.c' } } },
      'CONFIG_INVALID /events/x/dimensions/a',
    ],
  ])('with %s is refused where it stands', (_, events, fault) => {
    expect(faultsOf(events)).toEqual([fault])
  })

  it('names the nearest key for one that nothing reads, and tells all faults at once', () => {
    const read = readDeclarations({ events: { x: { ...sound, dimension: {} } }, event: 1 })
    expect(read).toMatchObject({ fault: { code: 'CONFIG_UNKNOWN_KEY' } })
    expect(read.ok ? '' : read.fault.message).toBe(
      'event is not read here; did you mean events?; dimension is not read here; did you mean dimensions?',
    )
    expect(faultsOf({ x: { ...sound, service: { form: 'subject' } } })).toEqual([
      'CONFIG_UNKNOWN_KEY /events/x/service/form',
      'CONFIG_INVALID /events/x/service/from',
    ])
  })
})
