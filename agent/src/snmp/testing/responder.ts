import { createSocket } from 'node:dgram'
import type { RemoteInfo, Socket } from 'node:dgram'
import { TAG, compareOids } from '../ber.ts'
import type { Oid } from '../ber.ts'
import { PDU, STATUS, decodeCommunityMessage, encodeCommunityMessage } from '../message.ts'
import type { Pdu, VarBind } from '../message.ts'
import { COLUMN, NARROW, SCALAR, WIDE } from '../mib.ts'

/** A row of the responder's tables of interfaces. */
export interface Row {
  readonly name: string
  readonly alias?: string
  readonly physical?: string
  readonly isDown?: boolean
  /** ifHighSpeed: Mbit/s. */
  readonly mbits?: number
  readonly discontinuity?: number
  /** Octets in and out, packets in and out; under 64 bits unless `narrow`. */
  readonly counters: readonly bigint[]
  readonly narrow?: boolean
}

/** A scripted SNMPv2c device on loopback. Whatever is set holds from the next question on. */
export class Responder {
  uptime = 1_000_000
  lastChange = 100
  hrSystemUptime: number | undefined
  rows = new Map<number, Row>()
  stack: (readonly [higher: number, lower: number])[] = []
  /** Anything else, under its dotted identifier. */
  objects = new Map<string, Pick<VarBind, 'tag' | 'value'>>()
  /** Answers larger than this are not sent, or refused as too big. */
  octetsMax = 65_000
  saysTooBig = false
  isSilent = false
  /** Takes the place of what would be answered; undefined sends nothing. */
  script: ((asked: Pdu, answer: Pdu) => Pdu | undefined) | undefined
  /** Where the last question came from. */
  lastPort = 0
  readonly asked: Pdu[] = []
  readonly #community = Buffer.from('public')
  readonly #socket: Socket = createSocket('udp4')

  /** The port, once it listens. */
  async listen(host = '127.0.0.1'): Promise<number> {
    this.#socket.on('message', (bytes, from) => this.#receive(bytes, from))
    await new Promise<void>((resolve) => this.#socket.bind(0, host, resolve))
    return this.#socket.address().port
  }

  /** Sends bytes that nobody asked for. */
  send(bytes: Uint8Array, port: number): void {
    this.#socket.send(bytes, port, '127.0.0.1')
  }

  close(): void {
    this.#socket.close()
  }

  #receive(bytes: Buffer, { address, port }: RemoteInfo): void {
    const message = decodeCommunityMessage(bytes)
    if (message === undefined || !this.#community.equals(message.community)) return
    const { pdu } = message
    this.asked.push(pdu)
    this.lastPort = port
    if (this.isSilent) return
    const varbinds = this.#answer(pdu)
    const plain = { type: PDU.RESPONSE, requestId: pdu.requestId, errorStatus: 0, errorIndex: 0, varbinds }
    const answer = this.script === undefined ? plain : this.script(pdu, plain)
    if (answer === undefined) return
    const encoded = encodeCommunityMessage({ community: this.#community, pdu: answer })
    if (encoded.length <= this.octetsMax) this.#socket.send(encoded, port, address)
    else if (this.saysTooBig) {
      const refusal = { ...answer, errorStatus: STATUS.TOO_BIG, varbinds: [] }
      this.#socket.send(encodeCommunityMessage({ community: this.#community, pdu: refusal }), port, address)
    }
  }

  #answer({ type, varbinds, errorStatus: nonRepeaters, errorIndex: repetitions }: Pdu): VarBind[] {
    const mib = this.#mib()
    if (type === PDU.GET)
      return varbinds.map(
        ({ oid }) =>
          mib.find((each) => compareOids(each.oid, oid) === 0) ?? {
            oid,
            tag: TAG.NO_SUCH_INSTANCE,
            value: null,
          },
      )
    const next = (oid: Oid): VarBind =>
      mib.find((each) => compareOids(each.oid, oid) > 0) ?? { oid, tag: TAG.END_OF_MIB_VIEW, value: null }
    const answer = varbinds.slice(0, nonRepeaters).map(({ oid }) => next(oid))
    let cursors = varbinds.slice(nonRepeaters).map(({ oid }) => oid)
    for (let round = 0; round < repetitions; round++) {
      const found = cursors.map(next)
      answer.push(...found)
      cursors = found.map(({ oid }) => oid)
    }
    return answer
  }

  #mib(): VarBind[] {
    const ticks = (oid: Oid, value: number): VarBind => ({ oid, tag: TAG.TIME_TICKS, value: BigInt(value) })
    const all = [ticks(SCALAR.sysUpTime, this.uptime), ticks(SCALAR.ifTableLastChange, this.lastChange)]
    if (this.hrSystemUptime !== undefined) all.push(ticks(SCALAR.hrSystemUptime, this.hrSystemUptime))
    for (const [index, row] of this.rows) all.push(...rowOf(index, row))
    for (const [higher, lower] of this.stack)
      all.push({ oid: [...COLUMN.ifStackStatus, higher, lower], tag: TAG.INTEGER, value: 1n })
    for (const [dotted, object] of this.objects)
      all.push({ oid: dotted.split('.').map((arc) => Number.parseInt(arc, 10)), ...object })
    return all.toSorted((a, b) => compareOids(a.oid, b.oid))
  }
}

function rowOf(index: number, row: Row): VarBind[] {
  const text = (column: Oid, value: string): VarBind => {
    return { oid: [...column, index], tag: TAG.OCTET_STRING, value: Buffer.from(value) }
  }
  const [columns, tag] = row.narrow === true ? [NARROW, TAG.COUNTER32] : [WIDE, TAG.COUNTER64]
  return [
    text(COLUMN.ifName, row.name),
    text(COLUMN.ifAlias, row.alias ?? ''),
    text(COLUMN.ifPhysAddress, row.physical ?? ''),
    { oid: [...COLUMN.ifOperStatus, index], tag: TAG.INTEGER, value: row.isDown === true ? 2n : 1n },
    { oid: [...COLUMN.ifHighSpeed, index], tag: TAG.GAUGE32, value: BigInt(row.mbits ?? 1000) },
    {
      oid: [...COLUMN.ifCounterDiscontinuityTime, index],
      tag: TAG.TIME_TICKS,
      value: BigInt(row.discontinuity ?? 0),
    },
    ...row.counters.map((value, position) => ({ oid: [...columns[position]!, index], tag, value })),
  ]
}
