import type { IncomingMessage } from 'node:http'
import { createGunzip } from 'node:zlib'

/** One query as ClickHouse's HTTP interface receives it. */
export interface QueryRequest {
  readonly sql: string
  /** Rows of an INSERT, in the format its text names. */
  readonly data: Buffer
  readonly database: string | undefined
  /** Of an answer whose SQL names none. */
  readonly defaultFormat: string
  readonly queryId: string | undefined
  /** Values of `{name:Type}` placeholders, in ClickHouse's escaped text form. */
  readonly params: ReadonlyMap<string, string>
  readonly settings: ReadonlyMap<string, string>
}

const BODY_LIMIT_BYTES = 256 * 1024 * 1024
/** Keys of the interface itself; every other key is a setting. */
const INTERFACE_KEYS = new Set([
  'default_format',
  'query',
  'database',
  'query_id',
  'session_id',
  'session_timeout',
  'user',
  'password',
])
/** Settings of the HTTP layer, which the embedded engine does not know. */
const HTTP_SETTINGS = new Set([
  'enable_http_compression',
  'wait_end_of_query',
  'send_progress_in_http_headers',
])

/** Reads a request whole. */
export async function readRequest(incoming: IncomingMessage): Promise<QueryRequest> {
  const { searchParams } = new URL(incoming.url ?? '/', 'http://localhost')
  const body = await readBody(incoming)
  const inUrl = searchParams.get('query')
  const params = new Map<string, string>()
  const settings = new Map<string, string>()
  for (const [key, value] of searchParams) {
    if (key.startsWith('param_')) params.set(key.slice('param_'.length), value)
    else if (!INTERFACE_KEYS.has(key) && !HTTP_SETTINGS.has(key)) settings.set(key, value)
  }
  return {
    sql: inUrl ?? body.toString('utf8'),
    data: inUrl === null ? Buffer.alloc(0) : body,
    database: searchParams.get('database') ?? undefined,
    defaultFormat: searchParams.get('default_format') ?? 'TabSeparated',
    queryId: searchParams.get('query_id') ?? undefined,
    params,
    settings,
  }
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const gzipped = incoming.headers['content-encoding'] === 'gzip'
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of gzipped ? incoming.pipe(createGunzip()) : incoming) {
    const piece = Buffer.from(chunk)
    bytes += piece.length
    if (bytes > BODY_LIMIT_BYTES) throw new Error('request body too large')
    chunks.push(piece)
  }
  return Buffer.concat(chunks)
}
