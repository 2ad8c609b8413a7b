import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClickHouseClient, DataFormat } from '@clickhouse/client'
import { quoteIdentifier } from './engine.ts'
import type { QueryRequest } from './request.ts'

const TEXT_INSERT = /^(JSON|CSV|TSV|TabSeparated|Values)/i
/** The table function that stands for the rows of the request. */
const INPUT = /\binput\('(?:[^'\\]|\\.)*'\)/
const INSERT = /^(?<head>\s*INSERT\s+INTO\s+[\s\S]*?)\s*\bFORMAT\s+(?<format>\w+)\s*;?\s*$/i

/**
 * Runs one request on a client of its own, so that nothing set for it outlives it.
 *
 * @returns the answer's bytes, in the format that the SQL or `default_format` names.
 */
export async function runQuery(
  client: ClickHouseClient,
  request: QueryRequest,
  scratch: string,
): Promise<Buffer> {
  await prepare(client, request)
  const insert = INSERT.exec(request.sql)?.groups
  if (insert?.['head'] === undefined || insert['format'] === undefined) {
    return collect(client, request.sql, request.defaultFormat)
  }
  if (request.data.length > 0) {
    if (TEXT_INSERT.test(insert['format'])) await client.command({ query: inlined(request) })
    else await insertFile(client, insert['head'], insert['format'], request.data, scratch)
  }
  return Buffer.alloc(0)
}

async function prepare(client: ClickHouseClient, request: QueryRequest): Promise<void> {
  for (const [name, value] of request.settings) {
    await client.command({ query: `SET ${checked(name)} = ${literal(value)}` })
  }
  for (const [name, value] of request.params) {
    await client.command({ query: `SET param_${checked(name)} = ${literal(value)}` })
  }
  if (request.database !== undefined) {
    await client.command({ query: `USE ${quoteIdentifier(request.database)}` })
  }
}

function checked(name: string): string {
  if (/^\w+$/.test(name)) return name
  throw new Error(`Code: 62. DB::Exception: ${name} cannot name a setting or a parameter. (SYNTAX_ERROR)`)
}

function literal(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

async function collect(client: ClickHouseClient, sql: string, format?: string): Promise<Buffer> {
  const settings =
    format === undefined ? {} : { clickhouse_settings: { default_format: format as DataFormat } }
  const { stream } = await client.exec({ query: sql, ...settings })
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

function inlined(request: QueryRequest): string {
  return `${request.sql}\n${request.data.toString('utf8')}`
}

/** Binary rows come through a file; columns are matched by name, as the server does for Native. */
async function insertFile(
  client: ClickHouseClient,
  head: string,
  format: string,
  data: Buffer,
  scratch: string,
): Promise<void> {
  const path = join(scratch, `${randomUUID()}.${format}`)
  await writeFile(path, data)
  try {
    const source = `file(${literal(path)}, ${literal(format)})`
    if (INPUT.test(head)) {
      await client.command({ query: head.replace(INPUT, () => source) })
      return
    }
    const described = await collect(client, `DESCRIBE ${source} FORMAT JSONEachRow`)
    const names = described
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => quoteIdentifier(String(JSON.parse(line).name)))
      .join(', ')
    const [, table = head, settings = ''] = /^([\s\S]*?)(\s+SETTINGS\s[\s\S]*)?$/i.exec(head) ?? []
    const target = table.includes('(') ? table : `${table} (${names})`
    await client.command({ query: `${target}${settings} SELECT ${names} FROM ${source}` })
  } finally {
    await rm(path, { force: true })
  }
}
