import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { TAG } from './ber.ts'
import type { Oid } from './ber.ts'
import type { Session } from './client.ts'
import { textOf } from './inventory.ts'
import type { VarBind } from './message.ts'
import type { Profile, ProfileMeter, ProfileTable } from './profile.ts'
import { walk } from './walk.ts'
import type { Dose } from './walk.ts'

/** A row of a device that a profile wants. */
export interface ProfileRow {
  readonly table: ProfileTable
  /** Arcs after the column; none for the device itself. */
  readonly index: Oid
  readonly name: string
}

/** The objects of a row, each meter's beside that by which it is multiplied, the row's name before all. */
export function oidsOf({ table, index }: ProfileRow): Oid[] {
  const objects = table.meters.flatMap(({ oid, times }) => (times === undefined ? [oid] : [oid, times]))
  const named = table.name === undefined ? objects : [table.name, ...objects]
  return named.map((oid) => [...oid, ...index])
}

/** The name of a row: the text or number of its column, or its index. */
export function rowName(varbind: VarBind | undefined, index: Oid): string {
  return textOf(varbind) || (typeof varbind?.value === 'bigint' ? `${varbind.value}` : index.join('.'))
}

/** Looks up which rows of the profiles a device has. Faults: those of asking. */
export async function findRows(
  session: Pick<Session, 'ask'>,
  dose: Dose,
  device: string,
  profiles: readonly Profile[],
): Promise<Result<{ readonly rows: readonly ProfileRow[]; readonly faults: readonly Fault[] }>> {
  const rows: ProfileRow[] = []
  const faults: Fault[] = []
  for (const profile of profiles) {
    for (const table of profile.tables) {
      if (table.resource === undefined) {
        rows.push({ table, index: [], name: '' })
        continue
      }
      const found = await rowsOf(session, dose, device, profile.name, table)
      if (!found.ok) return found
      rows.push(...found.value.rows)
      faults.push(...found.value.faults)
    }
  }
  return ok({ rows, faults })
}

async function rowsOf(
  session: Pick<Session, 'ask'>,
  dose: Dose,
  device: string,
  profile: string,
  table: ProfileTable,
): Promise<Result<{ readonly rows: readonly ProfileRow[]; readonly faults: readonly Fault[] }>> {
  const { meters, where } = table
  const columns = [...meters.map(({ oid }) => oid), where?.column, table.name]
  const walked = await walk(
    session,
    columns.filter((column) => column !== undefined),
    dose,
    device,
  )
  if (!walked.ok) return walked
  const malformed = (what: string): Fault => fail('DEVICE_MALFORMED', `${device}: ${what}`).fault
  const { objection } = walked.value
  const faults = objection === undefined ? [] : [malformed(objection)]
  const all = [...walked.value.rows]
  for (const [position, meter] of meters.entries())
    if (objection === undefined && all.every(([, row]) => row[position] === undefined))
      faults.push(malformed(nothingFor(meter)))
  const wanted = all.flatMap(([key, row]): ProfileRow[] => {
    const [objects, others] = [row.slice(0, meters.length), row.slice(meters.length)]
    if (where !== undefined && !where.is.includes(valueText(others.shift()))) return []
    if (objects.every((object) => object === undefined)) return []
    const index = key.split('.').map((arc) => Number.parseInt(arc, 10))
    return [{ table, index, name: rowName(others.shift(), index) }]
  })
  const rows: ProfileRow[] = []
  for (const [name, same] of Map.groupBy(wanted, (row) => row.name)) {
    if (same.length === 1) rows.push(...same)
    else
      faults.push(
        malformed(`${same.length} rows of the profile ${profile} are named ${name}; none is metered`),
      )
  }
  return ok({ rows, faults })
}

/** What to say of a meter that a device does not have. */
export function nothingFor({ meter, oid }: ProfileMeter): string {
  return `it has nothing for ${meter} at ${oid.join('.')}, which its profile names`
}

function valueText(varbind: VarBind | undefined): string {
  if (varbind?.tag === TAG.OID) return (varbind.value as Oid).join('.')
  return typeof varbind?.value === 'bigint' ? `${varbind.value}` : textOf(varbind)
}
