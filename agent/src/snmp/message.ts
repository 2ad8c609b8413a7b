import { BerError, BerReader, TAG } from './ber.ts'
import type { Oid } from './ber.ts'
import { BerWriter } from './ber-writer.ts'

/** Types of PDUs. */
export const PDU = { GET: 0xa0, RESPONSE: 0xa2, GET_BULK: 0xa5, REPORT: 0xa8 } as const

/** Error statuses that mean something of their own. */
export const STATUS = { NO_ERROR: 0, TOO_BIG: 1, AUTHORIZATION_ERROR: 16 } as const

/** A variable with its value: a number, octets, an identifier, or null where there is none. */
export interface VarBind {
  readonly oid: Oid
  readonly tag: number
  readonly value: bigint | Uint8Array | Oid | null
}

/** A PDU; of GETBULK the two numbers are non-repeaters and max-repetitions. */
export interface Pdu {
  readonly type: number
  readonly requestId: number
  readonly errorStatus: number
  readonly errorIndex: number
  readonly varbinds: readonly VarBind[]
}

/** An SNMPv2c message. */
export interface CommunityMessage {
  readonly community: Uint8Array
  readonly pdu: Pdu
}

/** An SNMPv3 message under the User-based Security Model, as it travels. */
export interface UserMessage {
  readonly id: number
  readonly flags: number
  readonly engineId: Uint8Array
  readonly boots: number
  readonly time: number
  readonly user: Uint8Array
  readonly digest: Uint8Array
  readonly salt: Uint8Array
  /** The scoped PDU, or what it is encrypted to. */
  readonly data: Uint8Array
}

/** A received v3 message, and where its digest stands. */
export interface ReceivedUserMessage extends UserMessage {
  readonly digestOffset: number
}

/** Flags of an SNMPv3 message. */
export const FLAG = { AUTH: 1, PRIVACY: 2, REPORTABLE: 4 } as const

const V2C = 1
const V3 = 3
const USM = 3
const MESSAGE_OCTETS_MAX = 65_507
const NOTHING = new Uint8Array()

/** The id by which a reply is told: the request id of v2c, the message id of v3; undefined where there is none. */
export function peekId(bytes: Uint8Array): number | undefined {
  return attempt(() => {
    const message = new BerReader(bytes).enter(TAG.SEQUENCE)
    const version = message.integer()
    if (version === V3) return message.enter(TAG.SEQUENCE).integer()
    if (version !== V2C) return undefined
    message.octets()
    return message.enter(message.peek()).integer()
  })
}

/** The bytes of a v2c message. */
export function encodeCommunityMessage({ community, pdu }: CommunityMessage): Buffer {
  return BerWriter.written((to) => {
    writePdu(to, pdu)
    to.octets(community)
    to.integer(V2C)
    to.wrap(TAG.SEQUENCE)
  })
}

/** A v2c message; undefined where the bytes are none. Identifiers that were asked for are not made anew. */
export function decodeCommunityMessage(
  bytes: Uint8Array,
  asked: readonly VarBind[] = [],
): CommunityMessage | undefined {
  return attempt(() => {
    const message = new BerReader(bytes).enter(TAG.SEQUENCE)
    if (message.integer() !== V2C) return undefined
    return { community: message.octets(), pdu: readPdu(message, asked) }
  })
}

/** The bytes of a v3 message. The digest's zeros stand where `digestOffset` of the decoded message says. */
export function encodeUserMessage(message: UserMessage): Buffer {
  const { id, flags, engineId, boots, time, user, digest, salt, data } = message
  return BerWriter.written((to) => {
    if ((flags & FLAG.PRIVACY) !== 0) to.octets(data)
    else to.raw(data)
    const parameters = to.size
    for (const octets of [salt, digest, user]) to.octets(octets)
    to.integer(time)
    to.integer(boots)
    to.octets(engineId)
    to.wrap(TAG.SEQUENCE, parameters)
    to.wrap(TAG.OCTET_STRING, parameters)
    const header = to.size
    to.integer(USM)
    to.octets(Uint8Array.of(flags))
    to.integer(MESSAGE_OCTETS_MAX)
    to.integer(id)
    to.wrap(TAG.SEQUENCE, header)
    to.integer(V3)
    to.wrap(TAG.SEQUENCE)
  })
}

/** A v3 message; undefined where the bytes are none. */
export function decodeUserMessage(bytes: Uint8Array): ReceivedUserMessage | undefined {
  return attempt(() => {
    const message = new BerReader(bytes).enter(TAG.SEQUENCE)
    if (message.integer() !== V3) return undefined
    const header = message.enter(TAG.SEQUENCE)
    const id = header.integer()
    header.integer()
    const flags = header.octets()[0] ?? 0
    if (header.integer() !== USM) return undefined
    const security = message.enter(TAG.OCTET_STRING).enter(TAG.SEQUENCE)
    const engineId = security.octets()
    const [boots, time] = [security.integer(), security.integer()]
    const user = security.octets()
    const digest = security.octets()
    const digestOffset = digest.byteOffset - bytes.byteOffset
    const salt = security.octets()
    const from = message.offset
    const isEncrypted = (flags & FLAG.PRIVACY) !== 0
    const data = isEncrypted ? message.octets() : bytes.subarray(from, skip(message))
    return { id, flags, engineId, boots, time, user, digest, digestOffset, salt, data }
  })
}

function skip(message: BerReader): number {
  message.octets(TAG.SEQUENCE)
  return message.offset
}

/** A scoped PDU of the default context. */
export function encodeScopedPdu(engineId: Uint8Array, pdu: Pdu): Buffer {
  return BerWriter.written((to) => {
    writePdu(to, pdu)
    to.octets(NOTHING)
    to.octets(engineId)
    to.wrap(TAG.SEQUENCE)
  })
}

/** The PDU of a scoped one, with the engine that it is of; undefined where the bytes are none. */
export function decodeScopedPdu(
  bytes: Uint8Array,
  asked: readonly VarBind[] = [],
): { readonly engineId: Uint8Array; readonly pdu: Pdu } | undefined {
  return attempt(() => {
    const scoped = new BerReader(bytes).enter(TAG.SEQUENCE)
    const engineId = scoped.octets()
    scoped.octets()
    return { engineId, pdu: readPdu(scoped, asked) }
  })
}

/** From its end to its beginning. */
function writePdu(to: BerWriter, { type, requestId, errorStatus, errorIndex, varbinds }: Pdu): void {
  const before = to.size
  for (let index = varbinds.length - 1; index >= 0; index -= 1) writeVarBind(to, varbinds[index]!)
  to.wrap(TAG.SEQUENCE, before)
  to.integer(errorIndex)
  to.integer(errorStatus)
  to.integer(requestId)
  to.wrap(type, before)
}

function writeVarBind(to: BerWriter, { oid, tag, value }: VarBind): void {
  const before = to.size
  if (value === null) to.octets(NOTHING, tag)
  else if (typeof value === 'bigint') to.integer(value, tag)
  else if (value instanceof Uint8Array) to.octets(value, tag)
  else to.oid(value)
  to.oid(oid)
  to.wrap(TAG.SEQUENCE, before)
}

function readPdu(reader: BerReader, asked: readonly VarBind[]): Pdu {
  const type = reader.peek()
  if (type < PDU.GET || type > PDU.REPORT) throw new BerError('this is no PDU')
  const pdu = reader.enter(type)
  const [requestId, errorStatus, errorIndex] = [pdu.integer(), pdu.integer(), pdu.integer()]
  const list = pdu.enter(TAG.SEQUENCE)
  const varbinds: VarBind[] = []
  while (!list.isDone) varbinds.push(readVarBind(list.enter(TAG.SEQUENCE), asked[varbinds.length]?.oid))
  return { type, requestId, errorStatus, errorIndex, varbinds }
}

function readVarBind(reader: BerReader, asked: Oid | undefined): VarBind {
  const oid = reader.oid(asked)
  const tag = reader.peek()
  return { oid, tag, value: readValue(reader, tag) }
}

function readValue(reader: BerReader, tag: number): VarBind['value'] {
  switch (tag) {
    case TAG.INTEGER:
      return BigInt(reader.integer())
    case TAG.COUNTER32:
    case TAG.GAUGE32:
    case TAG.TIME_TICKS:
      return reader.unsigned(tag, 32)
    case TAG.COUNTER64:
      return reader.unsigned(tag, 64)
    case TAG.OID:
      return reader.oid()
    case TAG.OCTET_STRING:
    case TAG.IP_ADDRESS:
    case TAG.OPAQUE:
      return reader.octets(tag)
    case TAG.NULL:
    case TAG.NO_SUCH_OBJECT:
    case TAG.NO_SUCH_INSTANCE:
    case TAG.END_OF_MIB_VIEW:
      reader.octets(tag)
      return null
    default:
      throw new BerError('a value has an unknown type')
  }
}

function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof BerError) return undefined
    throw error
  }
}
