import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { expect, it } from 'vitest'
import { loadDevices, parseDevices } from './config.ts'

const device = { name: 'edge', address: '192.0.2.1:161', version: '2c', community: 'public' }
const v3 = { name: 'core', address: '192.0.2.2:161', version: 3, user: 'vouch' }
const passphrases = { authPassphrase: 'authauth', privacyPassphrase: 'privpriv' }
const noFile = () => fail('CONFIG_INVALID', 'there is no file')

const wrong: [what: string, code: string, pointer: string, devices: JsonValue][] = [
  ['a key near a known one', 'CONFIG_UNKNOWN_KEY', '/devices/0/comunity', [{ ...device, comunity: 'x' }]],
  [
    'a missing name',
    'CONFIG_MISSING',
    '/devices/0/name',
    [{ ...device, name: undefined } as unknown as JsonValue],
  ],
  ['no secret', 'CONFIG_MISSING', '/devices/0/authPassphrase', [{ ...v3, privacyPassphrase: 'privpriv' }]],
  ['a secret twice', 'CONFIG_INVALID', '/devices/0/community', [{ ...device, communityFile: 'x' }]],
  [
    'a file that is absent',
    'CONFIG_INVALID',
    '/devices/0/authPassphraseFile',
    [{ ...v3, privacyPassphrase: 'privpriv', authPassphraseFile: 'x' }],
  ],
  [
    'a short passphrase',
    'CONFIG_INVALID',
    '/devices/0/authPassphrase',
    [{ ...v3, ...passphrases, authPassphrase: 'short' }],
  ],
  ['a weak protocol', 'CONFIG_INVALID', '/devices/0/auth', [{ ...v3, ...passphrases, auth: 'md5' }]],
  ['a user under 2c', 'CONFIG_INVALID', '/devices/0/user', [{ ...device, user: 'x' }]],
  ['an old version', 'CONFIG_INVALID', '/devices/0/version', [{ ...device, version: 1 }]],
  ['no port', 'CONFIG_INVALID', '/devices/0/address', [{ ...device, address: '192.0.2.1' }]],
  ['a name twice', 'CONFIG_INVALID', '/devices/1/name', [device, { ...device, address: '192.0.2.9:161' }]],
  ['an address twice', 'CONFIG_INVALID', '/devices/1/address', [device, { ...device, name: 'other' }]],
  [
    'a speed that is no number',
    'CONFIG_INVALID',
    '/devices/0/interfaces/speeds/ge-0~10',
    [{ ...device, interfaces: { speeds: { 'ge-0/0': 'fast' } } }],
  ],
  [
    'a pattern twice',
    'CONFIG_INVALID',
    '/devices/0/interfaces/include/1',
    [{ ...device, interfaces: { include: ['a', 'a'] } }],
  ],
  ['a device that is none', 'CONFIG_INVALID', '/devices/0', ['edge']],
  ['an empty list', 'CONFIG_MISSING', '/devices', []],
]

it.each(wrong)('%s is %s at %s', (_, code, pointer, devices) => {
  expect(parseDevices({ devices }, noFile)).toMatchObject({ fault: { code, pointer } })
})

it('a fault names the nearest key, and never a secret', () => {
  const parsed = parseDevices(
    { devices: [{ ...v3, ...passphrases, authPassphrase: 'hunter2', adress: 'x' }] },
    noFile,
  )
  const message = parsed.ok ? '' : parsed.fault.message
  expect(message).toContain('did you mean address?')
  expect(message).not.toContain('hunter2')
})

it('a file is read, with secrets in files beside it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'vouch-snmp-'))
  writeFileSync(join(directory, 'community'), 'public\n')
  const file = join(directory, 'devices.yaml')
  const entry = 'name: edge\n    address: 192.0.2.1:161\n    version: 2c\n    communityFile: community\n'
  writeFileSync(file, `devices:\n  - ${entry}    interfaces:\n      speeds: { ge-0: 1000000000 }\n`)
  expect(loadDevices(file)).toMatchObject({
    value: [
      { name: 'edge', cadenceMs: 60_000, choice: { include: ['*'] }, speeds: new Map([['ge-0', 10n ** 9n]]) },
    ],
  })
  writeFileSync(file, 'devices: [')
  expect(loadDevices(file)).toMatchObject({ fault: { code: 'CONFIG_INVALID' } })
  rmSync(directory, { recursive: true })
  expect(loadDevices(file)).toMatchObject({ fault: { code: 'CONFIG_INVALID' } })
  expect(loadDevices(undefined)).toMatchObject({ fault: { code: 'CONFIG_MISSING' } })
})
