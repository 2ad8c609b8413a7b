import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { expect, it } from 'vitest'
import { loadDevices } from './config.ts'
import { BUILT_IN, builtInText, readYaml } from './profile-files.ts'
import { readProfile } from './profile.ts'

const counter = { oid: '1.3.6.1.4.1.9.1.0', type: 'Counter64', kind: 'counter', unit: '1' }
const gauge = { oid: '1.3.6.1.4.1.9.1.0', type: 'Gauge32', kind: 'gauge', unit: 'J' }
const meters = (entry: JsonValue, table: object = {}): JsonValue => ({
  profile: 'x',
  tables: [{ ...table, meters: { 'x.counted': entry } }],
})
const AT = '/tables/0/meters/x.counted'

const wrong: [what: string, code: string, pointer: string, content: JsonValue][] = [
  ['no map', 'CONFIG_MISSING', '/profile', 'x'],
  ['no tables', 'CONFIG_MISSING', '/tables', { profile: 'x' }],
  ['a table that is none', 'CONFIG_INVALID', '/tables/0', { profile: 'x', tables: ['y'] }],
  ['no meters', 'CONFIG_MISSING', '/tables/0/meters', { profile: 'x', tables: [{}] }],
  ['a key near a known one', 'CONFIG_UNKNOWN_KEY', `${AT}/scle`, meters({ ...counter, scle: 2 })],
  [
    'a meter without a type',
    'CONFIG_MISSING',
    `${AT}/type`,
    meters({ oid: counter.oid, kind: 'counter', unit: '1' }),
  ],
  ['a wrong type', 'CONFIG_INVALID', `${AT}/type`, meters({ ...counter, type: 'Counter' })],
  ['a wrong kind', 'CONFIG_INVALID', `${AT}/kind`, meters({ ...counter, kind: 'level' })],
  ['an unknown unit', 'UNIT_UNKNOWN', AT, meters({ ...counter, unit: 'KWh' })],
  ['letters in an identifier', 'CONFIG_INVALID', `${AT}/oid`, meters({ ...counter, oid: 'ifInOctets.0' })],
  ['an arc too large', 'CONFIG_INVALID', `${AT}/oid`, meters({ ...counter, oid: '1.3.4294967296.0' })],
  ['a first arc too large', 'CONFIG_INVALID', `${AT}/oid`, meters({ ...counter, oid: '3.1.0' })],
  ['a column without rows', 'CONFIG_INVALID', `${AT}/oid`, meters({ ...counter, oid: '1.3.6.1.4.1.9.1' })],
  ['a single object in rows', 'CONFIG_INVALID', `${AT}/oid`, meters(counter, { resource: 'row' })],
  ['a name without rows', 'CONFIG_INVALID', '/tables/0/name', meters(counter, { name: '1.3.6.1' })],
  ['a scale of 0', 'CONFIG_INVALID', `${AT}/scale`, meters({ ...counter, scale: 0 })],
  ['a scale below 0', 'CONFIG_INVALID', `${AT}/scale`, meters({ ...counter, scale: '-1/2' })],
  ['a counter times something', 'CONFIG_INVALID', `${AT}/times`, meters({ ...counter, times: '1.3.6.0' })],
  ['a gauge that persists', 'CONFIG_INVALID', `${AT}/persistent`, meters({ ...gauge, persistent: true })],
  ['a gauge in octets', 'CONFIG_INVALID', AT, meters({ ...gauge, unit: 'B' })],
  [
    'a 32-bit counter without its speed',
    'CONFIG_MISSING',
    `${AT}/perSecondMax`,
    meters({ ...counter, type: 'Counter32' }),
  ],
  [
    'a 32-bit counter that persists',
    'CONFIG_INVALID',
    `${AT}/persistent`,
    meters({ ...counter, type: 'Counter32', perSecondMax: 5, persistent: true }),
  ],
]

it.each(wrong)('%s is %s at %s', (_, code, pointer, content) => {
  const faults: Fault[] = []
  expect(readProfile(content, '', faults)).toBeUndefined()
  expect(faults).toContainEqual(expect.objectContaining({ code, pointer }))
})

it('every file of profiles comes with the agent', () => {
  const files = readdirSync(new URL('../../profiles', import.meta.url))
  expect(files.toSorted()).toEqual(BUILT_IN.map((name) => `${name}.yaml`))
})

it.each(BUILT_IN)('%s, which comes with the agent, can be read', (name) => {
  const faults: Fault[] = []
  expect(readProfile(unwrap(readYaml(name, builtInText(name))), name, faults)).toMatchObject({ name })
  expect(faults).toEqual([])
})

it.each([
  ['1/3', { n: 1n, d: 3n }],
  [0.1, { n: 1n, d: 10n }],
  ['3600000', { n: 3_600_000n, d: 1n }],
  ['0.5/2', { n: 1n, d: 4n }],
])('the scale %s is exact', (scale, exact) => {
  const [table] = readProfile(meters({ ...counter, scale }), '', [])!.tables
  expect(table!.meters[0]!.scale).toEqual(exact)
})

const directory = mkdtempSync(join(tmpdir(), 'vouch-profiles-'))
const DEVICE = { name: 'a', address: '192.0.2.1:161', version: '2c', community: 'public' }
const load = (devices: JsonValue, own: Record<string, string> = {}): ReturnType<typeof loadDevices> => {
  for (const [name, text] of Object.entries(own)) writeFileSync(join(directory, name), text)
  // JSON is YAML.
  writeFileSync(join(directory, 'devices.yaml'), JSON.stringify({ profiles: Object.keys(own), devices }))
  return loadDevices(join(directory, 'devices.yaml'))
}
const OWN = JSON.stringify(meters(counter))

it('a device is read by profiles of both kinds, and its interfaces only where that is said', () => {
  const loaded = load(
    [
      { ...DEVICE, profiles: ['x', 'ups'] },
      { ...DEVICE, name: 'b', address: 'b:161', profiles: ['ups'], interfaces: { include: ['*'] } },
      { ...DEVICE, name: 'c', address: 'c:161' },
    ],
    { 'x.yaml': OWN },
  )
  expect(unwrap(loaded)).toMatchObject([
    { profiles: [{ name: 'x' }, { name: 'ups' }], choice: undefined },
    { profiles: [{ name: 'ups' }], choice: { include: ['*'] } },
    { profiles: [], choice: { include: ['*'] } },
  ])
})

it.each([
  ['a profile that does not exist', ['upss'], {}, '/devices/0/profiles/0', /did you mean ups\?/],
  ['a file that is no YAML', ['ups'], { 'y.yaml': '[' }, '/profiles/0', /y\.yaml/],
  ['a fault inside of a file', ['ups'], { 'y.yaml': 'profile: y\n' }, 'y.yaml/tables', /list the tables/],
  [
    'the name of one that comes with the agent',
    ['ups'],
    { 'y.yaml': OWN.replace('"x"', '"ups"') },
    'y.yaml/profile',
    /another profile is named ups/,
  ],
  [
    'a meter of two units',
    ['x', 'y'],
    { 'x.yaml': OWN, 'y.yaml': OWN.replace('"x"', '"y"').replace('"unit":"1"', '"unit":"B"') },
    '/profiles',
    /x\.counted is 1 counter for one profile and B counter for another/,
  ],
])('%s is refused at its place', (_, profiles, own, pointer, message) => {
  const loaded = load([{ ...DEVICE, profiles }], own)
  expect(loaded).toMatchObject({ fault: { pointer, message: expect.stringMatching(message) as string } })
})

it('a profile whose file is absent is refused', () => {
  rmSync(join(directory, 'x.yaml'), { force: true })
  writeFileSync(
    join(directory, 'devices.yaml'),
    JSON.stringify({ profiles: ['x.yaml'], devices: [{ ...DEVICE, profiles: ['ups'] }] }),
  )
  expect(loadDevices(join(directory, 'devices.yaml'))).toMatchObject({
    fault: { code: 'CONFIG_INVALID', pointer: '/profiles/0' },
  })
  rmSync(directory, { recursive: true })
})
