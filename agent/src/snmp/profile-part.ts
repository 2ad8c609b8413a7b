import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { escapeSegment } from '@vouch/proto/kernel/id.ts'
import type { Sample } from '../ports.ts'
import { TAG } from './ber.ts'
import type { Session } from './client.ts'
import type { KeptDevice } from './device-state.ts'
import { accountPort } from './interface-account.ts'
import type { VarBind } from './message.ts'
import { INVENTORY_MS } from './part.ts'
import type { Counted, DeviceFacts, Noted, Part, PartRead } from './part.ts'
import { isNarrow } from './profile.ts'
import type { NumberType, Profile, ProfileMeter } from './profile.ts'
import { findRows, nothingFor, oidsOf, rowName } from './profile-rows.ts'
import type { ProfileRow } from './profile-rows.ts'
import { pollRows } from './row-poll.ts'
import type { ReadRow, RowPoll } from './row-poll.ts'
import { Dose } from './walk.ts'

/** What is read by profiles. */
export interface ProfileOptions {
  /** Name of the device. */
  readonly name: string
  readonly profiles: readonly Profile[]
  readonly session: Pick<Session, 'ask'>
}

/** Objects of rows in one question, about: an answer stays below the 1472 octets that every device should send. */
const OBJECTS_AT_ONCE = 40
/** A level is told in thousandths of watts, cores or things. */
const THOUSANDTHS = 1000n
const TAGS: Readonly<Record<NumberType, number>> = {
  INTEGER: TAG.INTEGER,
  Counter32: TAG.COUNTER32,
  Gauge32: TAG.GAUGE32,
  TimeTicks: TAG.TIME_TICKS,
  Counter64: TAG.COUNTER64,
}

interface Rows {
  readonly rows: readonly ProfileRow[]
  readonly faults: readonly Fault[]
}

/** Whatever profiles name on a device. */
export class ProfilePart implements Part {
  readonly #options: ProfileOptions
  #walkDose = new Dose()
  #dose: Dose
  #rows: Rows | undefined
  #rowsMs = 0

  constructor(options: ProfileOptions) {
    this.#options = options
    this.#dose = new Dose(this.#rowsAtOnce)
  }

  get isSettled(): boolean {
    return this.#rows !== undefined
  }

  forget(): void {
    this.#rows = undefined
  }

  beginAnew(): void {
    this.#walkDose = new Dose()
    this.#dose = new Dose(this.#rowsAtOnce)
  }

  async read(nowMs: number): Promise<Result<PartRead>> {
    const { name, profiles, session } = this.#options
    if (this.#rows === undefined || nowMs - this.#rowsMs >= INVENTORY_MS) {
      const found = await findRows(session, this.#walkDose, name, profiles)
      if (!found.ok) return found
      this.#rows = found.value
      this.#rowsMs = nowMs
    }
    const known = this.#rows
    const polled = await pollRows(session, name, known.rows, oidsOf, this.#dose)
    if (!polled.ok) return polled
    const { frames, last, rows } = polled.value
    if (!rows.every(isWhatItWas)) this.#rows = undefined
    return ok({ frames, last, count: (facts, kept) => this.#count(known, polled.value, facts, kept) })
  }

  get #rowsAtOnce(): number {
    const tables = this.#options.profiles.flatMap((profile) => profile.tables)
    const widest = Math.max(...tables.map(({ meters }) => 1 + 2 * meters.length))
    return Math.max(1, Math.floor(OBJECTS_AT_ONCE / widest))
  }

  #count({ faults }: Rows, { rows }: RowPoll<ProfileRow>, facts: DeviceFacts, kept: KeptDevice): Counted {
    const counted = rows.filter(isWhatItWas).flatMap((read) => this.#countRow(read, facts, kept))
    const told = counted.flatMap(({ fault }) => fault ?? [])
    return {
      samples: counted.flatMap(({ sample }) => sample ?? []),
      noted: counted.flatMap(({ noted }) => noted ?? []),
      faults: [...faults, ...told],
    }
  }

  #countRow(
    { at, row, varbinds }: ReadRow<ProfileRow>,
    facts: DeviceFacts,
    { counters }: KeptDevice,
  ): MeterCount[] {
    const { name } = this.#options
    const resource =
      row.table.resource === undefined ? '' : `${row.table.resource}:${escapeSegment(row.name)}`
    let next = row.table.name === undefined ? 0 : 1
    return row.table.meters.flatMap((meter): MeterCount[] => {
      const varbind = varbinds[next++]!
      const factor = meter.times === undefined ? undefined : varbinds[next++]!
      // What the device does not have is no zero.
      if (isAbsent(varbind)) return resource === '' ? [{ fault: malformed(name, nothingFor(meter)) }] : []
      const value = numberOf(varbind, TAGS[meter.type])
      const times = factor === undefined ? 1n : numberOf(factor)
      const what = resource === '' ? meter.meter : `${meter.meter} of ${resource}`
      if (value === undefined || times === undefined)
        return [
          { fault: malformed(name, `${what} is not what its profile says: ${meter.type}, not below 0`) },
        ]
      const { unit, kind } = meter
      const sample = {
        resource: resource === '' ? `device:${name}` : `device:${name}/${resource}`,
        unit,
        kind,
      }
      if (kind === 'integral')
        return [{ sample: { ...sample, meter: meter.meter, value: levelOf(meter, value * times) } }]
      const key = `${resource} ${meter.meter}`
      const { flags, state } = accountPort(
        counters.get(key),
        { at, discontinuity: 0, counters: [{ value, bits: isNarrow(meter.type) ? 32 : 64 }] },
        {
          wallMs: facts.wallMs,
          isRebooted: facts.isRebooted && !meter.persistent,
          speed: meter.perSecondMax ?? 0n,
          bits: [1n],
          isExchanged: false,
        },
      )
      counters.set(key, state)
      const register = scaled(meter, state.counters[0]!.register)
      const life = state.life.toString(36)
      const noted = flags.length === 0 ? undefined : { port: what, flags }
      return [{ sample: { ...sample, meter: meter.meter, value: register, life }, noted }]
    })
  }
}

/** What came of one meter of one row. */
interface MeterCount {
  readonly sample?: Sample
  readonly noted?: Noted | undefined
  readonly fault?: Fault
}

/** Whether a row is still there, under its name. */
function isWhatItWas({ row, varbinds }: ReadRow<ProfileRow>): boolean {
  if (row.table.name !== undefined) return rowName(varbinds[0], row.index) === row.name
  return row.table.resource === undefined || !varbinds.every(isAbsent)
}

function isAbsent({ tag }: VarBind): boolean {
  return tag === TAG.NO_SUCH_OBJECT || tag === TAG.NO_SUCH_INSTANCE || tag === TAG.END_OF_MIB_VIEW
}

/** The number of a variable, not below 0; undefined where it is none, or of another type than wanted. */
function numberOf({ tag, value }: VarBind, wanted = tag): bigint | undefined {
  return tag === wanted && typeof value === 'bigint' && value >= 0n ? value : undefined
}

function malformed(device: string, what: string): Fault {
  return fail('DEVICE_MALFORMED', `${device}: ${what}`).fault
}

/** The whole units in a count; what is left over is in the next one. */
function scaled({ scale }: ProfileMeter, count: bigint): bigint {
  return (count * scale.n) / scale.d
}

function levelOf(meter: ProfileMeter, value: bigint): bigint {
  return scaled(meter, meter.unit === 'MiB-second' ? value : value * THOUSANDTHS)
}
