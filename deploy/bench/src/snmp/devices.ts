import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { TAG, compareOids } from '@vouch/agent/snmp/ber.ts'
import type { Oid } from '@vouch/agent/snmp/ber.ts'
import { PDU, decodeCommunityMessage, encodeCommunityMessage } from '@vouch/agent/snmp/message.ts'
import type { Pdu, VarBind } from '@vouch/agent/snmp/message.ts'
import { COLUMN, SCALAR, WIDE } from '@vouch/agent/snmp/mib.ts'

const COMMUNITY = Buffer.from('public')
const TICKS_PER_SECOND = 100
const OCTETS_PER_TICK = 1_000_003n
const TICKS_AT_START = 50_000_000

/** The tables of a device as they are at every moment: all devices of a process share one. */
export class Table {
  readonly #objects: VarBind[]
  readonly #startedMs = performance.now()

  constructor(interfaces: number) {
    const fixed = (oid: Oid, tag: number, value: VarBind['value']): VarBind => ({ oid, tag, value })
    this.#objects = [
      fixed(SCALAR.sysUpTime, TAG.TIME_TICKS, null),
      fixed(SCALAR.ifTableLastChange, TAG.TIME_TICKS, 100n),
      ...Array.from({ length: interfaces }, (_, row) => row + 1).flatMap((index) => {
        const cell = (column: Oid): Oid => [...column, index]
        const name = Buffer.from(`xe-0/0/${index}`)
        return [
          fixed(cell(COLUMN.ifDescr), TAG.OCTET_STRING, name),
          fixed(cell(COLUMN.ifSpeed), TAG.GAUGE32, 4_294_967_295n),
          fixed(cell(COLUMN.ifPhysAddress), TAG.OCTET_STRING, Buffer.from([2, 0, 0, 0, 0, index])),
          fixed(cell(COLUMN.ifOperStatus), TAG.INTEGER, 1n),
          fixed(cell(COLUMN.ifName), TAG.OCTET_STRING, name),
          fixed(cell(COLUMN.ifHighSpeed), TAG.GAUGE32, 100_000n),
          fixed(cell(COLUMN.ifAlias), TAG.OCTET_STRING, Buffer.from(`customer ${index}`)),
          fixed(cell(COLUMN.ifCounterDiscontinuityTime), TAG.TIME_TICKS, 0n),
          ...WIDE.map((column) => fixed(cell(column), TAG.COUNTER64, null)),
        ]
      }),
    ].toSorted((a, b) => compareOids(a.oid, b.oid))
  }

  /** The answer to a question, at this moment. */
  answer({ type, requestId, varbinds, errorStatus, errorIndex }: Pdu): Pdu {
    const ticks =
      TICKS_AT_START + Math.floor(((performance.now() - this.#startedMs) * TICKS_PER_SECOND) / 1000)
    const oids = varbinds.map(({ oid }) => oid)
    const found =
      type === PDU.GET
        ? oids.map((oid) => this.#at(oid, ticks))
        : this.#bulk(oids, { nonRepeaters: errorStatus, repetitions: errorIndex }, ticks)
    return { type: PDU.RESPONSE, requestId, errorStatus: 0, errorIndex: 0, varbinds: found }
  }

  #at(oid: Oid, ticks: number): VarBind {
    const object = this.#objects[this.#place(oid)]
    return object !== undefined && compareOids(object.oid, oid) === 0
      ? this.#now(object, ticks)
      : { oid, tag: TAG.NO_SUCH_INSTANCE, value: null }
  }

  #bulk(
    oids: readonly Oid[],
    how: { readonly nonRepeaters: number; readonly repetitions: number },
    ticks: number,
  ): VarBind[] {
    const next = (place: number, oid: Oid): VarBind => {
      const object = this.#objects[place]
      return object === undefined ? { oid, tag: TAG.END_OF_MIB_VIEW, value: null } : this.#now(object, ticks)
    }
    const places = oids.map((oid) => this.#after(oid))
    const single = oids.slice(0, how.nonRepeaters).map((oid, index) => next(places[index]!, oid))
    const repeated = oids.slice(how.nonRepeaters)
    const rounds = Array.from({ length: repeated.length === 0 ? 0 : how.repetitions }, (_, round) =>
      repeated.map((oid, index) => next(places[how.nonRepeaters + index]! + round, oid)),
    )
    return [...single, ...rounds.flat()]
  }

  #now(object: VarBind, ticks: number): VarBind {
    if (object.value !== null) return object
    const value = object.tag === TAG.TIME_TICKS ? BigInt(ticks) : BigInt(ticks) * OCTETS_PER_TICK
    return { ...object, value }
  }

  /** Where the first object is that is not before. */
  #place(oid: Oid): number {
    let [low, high] = [0, this.#objects.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareOids(this.#objects[middle]!.oid, oid) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #after(oid: Oid): number {
    const place = this.#place(oid)
    const object = this.#objects[place]
    return object !== undefined && compareOids(object.oid, oid) === 0 ? place + 1 : place
  }
}

/** Loopback address of a device; all listen on one port. */
export function addressOf(device: number): string {
  return `127.77.${Math.floor(device / 250)}.${1 + (device % 250)}`
}

/** Lets devices answer at their addresses. Gives how many questions they have been asked. */
export async function startDevices(count: number, interfaces: number, port: number): Promise<() => number> {
  const table = new Table(interfaces)
  let asked = 0
  for (let device = 0; device < count; device++) {
    const socket = createSocket('udp4')
    socket.on('message', (bytes, from) => {
      const message = decodeCommunityMessage(bytes)
      if (message === undefined || !COMMUNITY.equals(message.community)) return
      asked++
      const pdu = table.answer(message.pdu)
      socket.send(encodeCommunityMessage({ community: COMMUNITY, pdu }), from.port, from.address)
    })
    socket.bind(port, addressOf(device))
    await once(socket, 'listening')
  }
  return () => asked
}
