import type { RetentionPolicy } from './policy.ts'
import type { RetainedTable } from './ttl.ts'

/** What the report needs of a table's state. */
interface State {
  readonly table: RetainedTable
  readonly wanted: { readonly ttl: string; readonly storagePolicy: string }
  readonly inForce: { readonly ttl: string; readonly storagePolicy: string }
}

/** What the report needs of the rows of a class. */
interface Stored {
  readonly table: RetainedTable
  readonly class: string
  readonly rows: bigint
  readonly bytes: bigint
  readonly oldest: string
}

const COLUMNS = ['table', 'class', 'oldest', 'rows', 'bytes'] as const

/** The policy in the settings, what the engine has in force, and what is stored, as text. */
export function retentionReport(
  policy: RetentionPolicy,
  states: readonly State[],
  stored: readonly Stored[],
): string {
  return [configured(policy), inForce(states), table(stored)].join('\n')
}

function configured(policy: RetentionPolicy): string {
  const classes = [...policy.classes].map(
    ([name, { readingsDays, hoursDays }]) =>
      `  ${name}: readings ${spell(readingsDays)}, hours ${spell(hoursDays)}\n`,
  )
  const { readingsDays, hoursDays, batchesDays, coldAfterDays, coldVolume, storagePolicy } = policy
  const cold =
    coldAfterDays === undefined
      ? ''
      : `  to volume ${coldVolume} of policy ${storagePolicy} after ${coldAfterDays} days\n`
  return `configured\n  readings ${spell(readingsDays)}, hours ${spell(hoursDays)}, batches ${spell(batchesDays)}\n${classes.join('')}${cold}`
}

const spell = (days: number | undefined): string => (days === undefined ? 'for ever' : `${days} days`)

function inForce(states: readonly State[]): string {
  const lines = states.map(({ table: name, wanted, inForce: now }) => {
    const differs = now.ttl !== wanted.ttl || now.storagePolicy !== wanted.storagePolicy
    const note = differs ? '  (differs from what is configured: run `retention apply`)' : ''
    return `  ${name}: ${now.ttl === '' ? 'for ever' : now.ttl}, storage policy ${now.storagePolicy}${note}\n`
  })
  return `in force\n${lines.join('')}`
}

function table(stored: readonly Stored[]): string {
  const rows = stored.map((each) => [
    each.table,
    each.class === '' ? '-' : each.class,
    each.oldest === '' ? '-' : each.oldest,
    `${each.rows}`,
    `${each.bytes}`,
  ])
  const all = [[...COLUMNS], ...rows]
  const widths = COLUMNS.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const numeric = COLUMNS.indexOf('rows')
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i >= numeric ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  return `stored\n${all.map((row) => `  ${line(row)}\n`).join('')}`
}
