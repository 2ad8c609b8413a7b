import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseAddress } from '@vouch/proto/kernel/address.ts'
import type { Address } from '@vouch/proto/kernel/address.ts'
import { choice, integer, text } from '@vouch/proto/kernel/setting.ts'
import { fail, ok, summarise } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { isJsonObject } from '@vouch/proto/kernel/json.ts'
import type { JsonObject, JsonValue } from '@vouch/proto/kernel/json.ts'
import { Fields } from './fields.ts'
import type { PortChoice } from './ports.ts'
import { ProfileShelf, readYaml } from './profile-files.ts'
import type { Profile } from './profile.ts'
import { communitySecurity } from './security.ts'
import type { Security } from './security.ts'
import { AUTH, userSecurity } from './usm.ts'
import type { AuthProtocol } from './usm.ts'

/** A device as configured. */
export interface DeviceConfig {
  readonly name: string
  readonly address: Address
  readonly security: Security
  readonly cadenceMs: number
  readonly timeoutMs: number
  readonly retries: number
  /** Which interfaces; undefined = none. */
  readonly choice: PortChoice | undefined
  /** Bits a second under the names of interfaces. */
  readonly speeds: ReadonlyMap<string, bigint>
  readonly profiles: readonly Profile[]
}

/** Reads a file whose path is relative to that of the devices. */
type ReadFile = (path: string) => Result<string>

const SECRETS = ['community', 'authPassphrase', 'privacyPassphrase'] as const
const DEVICE_KEYS = [
  'name',
  'address',
  'version',
  ...SECRETS,
  ...SECRETS.map((secret) => `${secret}File` as const),
  'user',
  'auth',
  'privacy',
  'cadenceMs',
  'timeoutMs',
  'retries',
  'interfaces',
  'profiles',
] as const
const INTERFACE_KEYS = ['include', 'exclude', 'billed', 'speeds'] as const
const NAME = text({ max: 60, pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/ })
const ANYTHING = text()
/** Source: RFC 3414 §11.2. */
const PASSPHRASE = text({ min: 8, max: 1000 })
const CADENCE = integer({ min: 1000, max: 86_400_000 })
const TIMEOUT = integer({ min: 50, max: 60_000 })
const RETRIES = integer({ min: 0, max: 10 })
const SPEED = text({ pattern: /^[1-9]\d{0,14}$/, max: 15 })
const DEVICES_MAX = 10_000

/** Reads the file of devices; paths in it are relative to it. Faults: CONFIG_MISSING, CONFIG_INVALID, CONFIG_UNKNOWN_KEY. */
export function loadDevices(file: string | undefined): Result<DeviceConfig[]> {
  if (file === undefined)
    return fail('CONFIG_MISSING', 'set VOUCH_AGENT_SNMP_FILE, or snmpFile in the file: the devices to ask', {
      pointer: 'VOUCH_AGENT_SNMP_FILE',
    })
  const content = readText(file)
  if (!content.ok) return content
  const document = readYaml(file, content.value)
  if (!document.ok) return document
  return parseDevices(document.value, (path) => readText(resolve(dirname(file), path)))
}

/** Reads devices, each fault with its pointer. Faults: CONFIG_MISSING, CONFIG_INVALID, CONFIG_UNKNOWN_KEY. */
export function parseDevices(content: JsonValue, readFile: ReadFile): Result<DeviceConfig[]> {
  const faults: Fault[] = []
  const file = new Fields(isJsonObject(content) ? content : {}, '', ['devices', 'profiles'], faults)
  const shelf = new ProfileShelf(faults)
  for (const [index, path] of file.texts('profiles', []).entries())
    shelf.add(path, readFile(path), `/profiles/${index}`)
  const listed = file.list('devices')
  if (listed.length === 0)
    faults.push(fail('CONFIG_MISSING', 'list the devices', { pointer: '/devices' }).fault)
  if (listed.length > DEVICES_MAX)
    faults.push(fail('CONFIG_INVALID', `list at most ${DEVICES_MAX} devices`, { pointer: '/devices' }).fault)
  const devices = listed.map((entry, index) => {
    const pointer = `/devices/${index}`
    if (!isJsonObject(entry)) {
      faults.push(fail('CONFIG_INVALID', 'a device is a map of settings', { pointer }).fault)
      return undefined
    }
    return parseDevice(entry, pointer, { readFile, shelf, faults })
  })
  shelf.checkMeters()
  refuseTwice(devices, 'name', ({ name }) => name, faults)
  refuseTwice(devices, 'address', ({ address: { host, port } }) => `${host}:${port}`, faults)
  const [first, ...rest] = faults
  if (first !== undefined) return summarise([first, ...rest])
  return ok(devices.filter((device) => device !== undefined))
}

/** What a device is read with. */
interface Reading {
  readonly readFile: ReadFile
  readonly shelf: ProfileShelf
  readonly faults: Fault[]
}

function parseDevice(
  entry: JsonObject,
  pointer: string,
  { faults, readFile, shelf }: Reading,
): DeviceConfig | undefined {
  const fields = new Fields(entry, pointer, DEVICE_KEYS, faults)
  const name = fields.required('name', NAME)
  const address = fields.required('address', parseAddress)
  const security = parseSecurity(fields, (path) => {
    const secret = readFile(path)
    return secret.ok ? ok(secret.value.replace(/\r?\n$/, '')) : secret
  })
  const cadenceMs = fields.optional('cadenceMs', CADENCE) ?? 60_000
  const timeoutMs = fields.optional('timeoutMs', TIMEOUT) ?? 2000
  const retries = fields.optional('retries', RETRIES) ?? 2
  const interfaces = fields.section('interfaces', INTERFACE_KEYS)
  const profiles = shelf.take(fields.texts('profiles', []), `${pointer}/profiles`)
  const ports = {
    include: interfaces.texts('include', ['*']),
    exclude: interfaces.texts('exclude', []),
    billed: interfaces.texts('billed', []),
  }
  const speeds = interfaces.map('speeds', SPEED)
  if (name === undefined || address === undefined || security === undefined) return undefined
  const bits = new Map([...speeds].map(([port, speed]) => [port, BigInt(speed)]))
  // Whoever names profiles and no interfaces wants no interfaces.
  const isProfiled = entry['profiles'] !== undefined && entry['interfaces'] === undefined
  const how = { address, security, cadenceMs, timeoutMs, retries }
  return { name, ...how, choice: isProfiled ? undefined : ports, speeds: bits, profiles }
}

function parseSecurity(fields: Fields, readSecret: ReadFile): Security | undefined {
  const version = fields.required('version', choice(['2c', '3']))
  if (version === undefined) return undefined
  const ofOther =
    version === '2c'
      ? ([
          'user',
          'auth',
          'privacy',
          'authPassphrase',
          'authPassphraseFile',
          'privacyPassphrase',
          'privacyPassphraseFile',
        ] as const)
      : (['community', 'communityFile'] as const)
  for (const key of ofOther) fields.refuse(key, `is not for version ${version}`)
  if (version === '2c') {
    const community = fields.secret('community', ANYTHING, readSecret)
    return community === undefined ? undefined : communitySecurity(new TextEncoder().encode(community))
  }
  const user = fields.required('user', text({ max: 32 }))
  const auth = fields.optional('auth', choice(Object.keys(AUTH) as AuthProtocol[])) ?? 'sha256'
  fields.optional('privacy', choice(['aes128']))
  const authPassphrase = fields.secret('authPassphrase', PASSPHRASE, readSecret)
  const privacyPassphrase = fields.secret('privacyPassphrase', PASSPHRASE, readSecret)
  if (user === undefined || authPassphrase === undefined || privacyPassphrase === undefined) return undefined
  return userSecurity({ name: user, auth, authPassphrase, privacyPassphrase })
}

function refuseTwice(
  devices: readonly (DeviceConfig | undefined)[],
  key: string,
  valueOf: (device: DeviceConfig) => string,
  faults: Fault[],
): void {
  const seen = new Map<string, number>()
  for (const [index, device] of devices.entries()) {
    if (device === undefined) continue
    const value = valueOf(device)
    const before = seen.get(value)
    if (before === undefined) seen.set(value, index)
    else {
      const pointer = `/devices/${index}/${key}`
      faults.push(
        fail('CONFIG_INVALID', `${value} is the ${key} of /devices/${before} too`, { pointer }).fault,
      )
    }
  }
}

function readText(file: string): Result<string> {
  try {
    return ok(readFileSync(file, 'utf8'))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the file ${file} cannot be read: ${why}`)
  }
}
