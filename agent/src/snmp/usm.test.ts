import { expect, it } from 'vitest'
import { FLAG, PDU, decodeUserMessage } from './message.ts'
import { reportOf, sayingOf } from './testing/engine.ts'
import type { Saying } from './testing/engine.ts'
import { localisedKey, userSecurity } from './usm.ts'
import type { User } from './usm.ts'

const user: User = {
  name: 'vouch',
  auth: 'sha256',
  authPassphrase: 'authentic',
  privacyPassphrase: 'hidden-hidden',
}
const engineId = Buffer.from('8000000001020304', 'hex')
const pdu = { type: PDU.RESPONSE, requestId: 7, errorStatus: 0, errorIndex: 0, varbinds: [] }
const asked = { ...pdu, type: PDU.GET }
const PRIVATE = FLAG.AUTH | FLAG.PRIVACY
const START_MS = 1_000_000
const truth: Saying = { engineId, boots: 3, time: 1000, id: 7, user, flags: PRIVATE, pdu }

/** A client that has discovered the engine and knows its time: boots 3, 1000 s at START_MS. */
function synchronised() {
  const security = userSecurity(user)
  expect(decodeUserMessage(security.seal(asked, 7, START_MS))).toMatchObject({
    flags: FLAG.REPORTABLE,
    boots: 0,
  })
  const discovered = sayingOf({ ...truth, flags: 0, pdu: reportOf(0, 4) })
  expect(security.open(discovered, 7, START_MS)).toEqual({ kind: 'again' })
  expect(security.open(sayingOf(truth), 7, START_MS)).toEqual({ kind: 'ignored' })
  return security
}

function known() {
  const security = synchronised()
  const late = sayingOf({ ...truth, flags: FLAG.AUTH, pdu: reportOf(7, 2) })
  expect(security.open(late, 7, START_MS)).toEqual({ kind: 'again' })
  return security
}

const answer = { kind: 'pdu', engine: { id: engineId.toHex(), boots: 3 } }

it('S12: the engine is discovered, then its time, then it is asked with proof and in private', () => {
  const security = known()
  expect(security.open(sayingOf(truth), 7, START_MS)).toMatchObject(answer)
  const sealed = decodeUserMessage(security.seal(asked, 8, START_MS + 5000))!
  expect(sealed).toMatchObject({ flags: PRIVATE | FLAG.REPORTABLE, boots: 3, time: 1005 })
  expect(Buffer.from(sealed.data).includes(engineId)).toBe(false)
})

it.each<[string, Partial<Saying>]>([
  ['with another id', { id: 8 }],
  ['of another engine', { engineId: Buffer.from('8000000009090909', 'hex') }],
  ['about another engine', { contextEngineId: Buffer.from('8000000009090909', 'hex') }],
  ['of another user', { user: { ...user, name: 'other' } }],
  ['with another authentication key', { user: { ...user, authPassphrase: 'guessed-guess' } }],
  ['with another privacy key', { user: { ...user, privacyPassphrase: 'guessed-guess' } }],
  ['that is not private', { flags: FLAG.AUTH }],
  ['without proof', { flags: 0 }],
  ['of an earlier boot', { boots: 2 }],
  ['of an engine whose boots are used up', { boots: 2 ** 31 - 1 }],
  ['that does not know the time, without proof', { flags: 0, pdu: reportOf(7, 2) }],
])('S12: an answer %s is not heard', (_, lie) => {
  expect(known().open(sayingOf({ ...truth, ...lie }), 7, START_MS)).toEqual({ kind: 'ignored' })
})

it.each([
  [150, 'pdu'],
  [151, 'ignored'],
])('S12: an answer that is %s s old is %s', (ageS, kind) => {
  const security = known()
  expect(security.open(sayingOf(truth), 7, START_MS + ageS * 1000).kind).toBe(kind)
})

it('S12: a later boot is followed', () => {
  const security = known()
  expect(security.open(sayingOf({ ...truth, boots: 4, time: 2 }), 7, START_MS)).toMatchObject({
    kind: 'pdu',
    engine: { boots: 4 },
  })
  expect(security.open(sayingOf(truth), 7, START_MS)).toEqual({ kind: 'ignored' })
  expect(decodeUserMessage(security.seal(asked, 8, START_MS))).toMatchObject({ boots: 4, time: 2 })
})

it.each([1, 3, 5, 6])('S12: report %s without proof is a reason and no answer', (stat) => {
  const told = sayingOf({ ...truth, flags: 0, pdu: reportOf(7, stat) })
  expect(known().open(told, 7, START_MS)).toMatchObject({ kind: 'refused' })
})

it('a flipped bit anywhere is no answer', () => {
  const security = known()
  const bytes = sayingOf(truth)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    expect(security.open(bytes, 7, START_MS).kind, `bit ${bit}`).not.toBe('pdu')
    bytes[bit >> 3]! ^= 1 << (bit & 7)
  }
})

it('a key is localised as the standard has it', () => {
  // Hash of a megabyte of the passphrase, then of key, engine, key; the value is that of Python's hashlib.
  expect(localisedKey('sha256', 'maplesyrup', Buffer.from('000000000000000000000002', 'hex')).toHex()).toBe(
    '8982e0e549e866db361a6b625d84cccc11162d453ee8ce3a6445c2d6776f0f8b',
  )
})
