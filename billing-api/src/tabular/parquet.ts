import { parquetWriteBuffer } from 'hyparquet-writer'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { ColumnType, Table } from '../ports.ts'

type Schema = NonNullable<Parameters<typeof parquetWriteBuffer>[0]['schema']>

const SCALE = 12
const DECIMAL_BYTES = 16

/** How a column is declared: decimals are DECIMAL(38, 12) in 16 bytes, instants TIMESTAMP in milliseconds, all else UTF-8. */
const TYPES: Readonly<Record<ColumnType, object>> = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  json: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  decimal: {
    type: 'FIXED_LEN_BYTE_ARRAY',
    type_length: DECIMAL_BYTES,
    converted_type: 'DECIMAL',
    precision: 38,
    scale: SCALE,
  },
  instant: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' },
}

/** The table as an Apache Parquet file; no number in it goes through floating point. */
export function parquetOf({ columns, rows }: Table): Uint8Array {
  const names = Object.entries(columns)
  const schema = [
    { name: 'root', num_children: names.length },
    ...names.map(([name, type]) => ({ name, repetition_type: 'OPTIONAL', ...TYPES[type] })),
  ] as Schema
  const columnData = names.map(([name, type]) => ({
    name,
    data: rows.map((row) => valueOf(row[name] ?? null, type)),
  }))
  return new Uint8Array(parquetWriteBuffer({ columnData, schema }))
}

function valueOf(text: string | null, type: ColumnType): string | bigint | Date | null {
  if (text === null) return null
  if (type === 'instant') return new Date(text)
  return type === 'decimal' ? unscaled(text) : text
}

/** A decimal as a number of 10^-12. */
function unscaled(text: string): bigint {
  const { n, d } = unwrap(parseDecimal(text, { maxScale: SCALE }))
  return (n * 10n ** BigInt(SCALE)) / d
}
