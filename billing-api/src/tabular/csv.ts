import { stringify } from 'csv-stringify/sync'
import type { ColumnType, Table } from '../ports.ts'

/** A leading character by which a spreadsheet takes text for a formula. */
const FORMULA = /^[=+\-@\t\r]/

/**
 * The table as CSV with a header line, RFC 4180, UTF-8. Null is empty. Text that a spreadsheet would run as a formula gets an apostrophe
 * before it. Source: OWASP, CSV injection.
 */
export function csvOf({ columns, rows }: Table): Uint8Array {
  const names = Object.keys(columns)
  const text = stringify(
    [names, ...rows.map((row) => names.map((name) => cell(row[name] ?? '', columns[name]!)))],
    {
      record_delimiter: 'windows',
    },
  )
  return new TextEncoder().encode(text)
}

function cell(text: string, type: ColumnType): string {
  return (type === 'text' || type === 'json') && FORMULA.test(text) ? `'${text}` : text
}
