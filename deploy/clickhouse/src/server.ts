import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Engine, openClient } from './engine.ts'
import { createFaultSwitch, type Fault, type FaultSwitch } from './fault-switch.ts'
import { type QueryRequest, readRequest } from './request.ts'
import { runQuery } from './run-query.ts'

/** The embedded engine behind ClickHouse's HTTP interface, for tests of the server path. */
export interface EngineServer {
  /** Base URL, on loopback. */
  readonly url: string
  readonly faults: FaultSwitch
  /** Closes the port; the engine stays open. */
  readonly close: () => Promise<void>
}

/**
 * Serves an engine on a free port of 127.0.0.1: queries by GET and POST, parameters, settings, inserts in text and
 * binary formats, exceptions with ClickHouse's status codes and headers. Each request gets its own connection.
 */
export async function serveEngine(engine: Engine): Promise<EngineServer> {
  const scratch = await mkdtemp(join(tmpdir(), 'vouch-clickhouse-http-'))
  let port = 0
  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => response.destroy(asError(error)))
  })
  const accept = async () => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (typeof address === 'object' && address !== null) port = address.port
  }
  const refuse = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  const faults = createFaultSwitch({ refuse, accept })

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if (incoming.url?.startsWith('/ping') === true) {
      response.end('Ok.\n')
      return
    }
    const request = await readRequest(incoming)
    const fault = faults.take(request.sql)
    if (fault?.kind === 'exception' || fault?.kind === 'garbage') return injected(response, fault)
    if (fault?.kind === 'delay') await sleep(fault.delayMs)
    await respond(engine, request, scratch, response, fault?.kind === 'lose-answer')
  }

  await accept()
  return {
    url: `http://127.0.0.1:${port}`,
    faults,
    close: async () => {
      await refuse()
      await rm(scratch, { recursive: true, force: true })
    },
  }
}

async function respond(
  engine: Engine,
  request: QueryRequest,
  scratch: string,
  response: ServerResponse,
  loseAnswer: boolean,
): Promise<void> {
  const client = openClient(engine.path)
  try {
    const body = await runQuery(client, request, scratch)
    if (loseAnswer) {
      response.destroy()
      return
    }
    response.setHeader('X-ClickHouse-Query-Id', request.queryId ?? randomUUID())
    response.setHeader('X-ClickHouse-Timezone', 'UTC')
    response.setHeader('X-ClickHouse-Server-Display-Name', 'embedded')
    response.end(body)
  } catch (error) {
    exception(response, error)
  } finally {
    await client.close()
  }
}

const HTTP_STATUS: Record<number, number> = {
  60: 404,
  81: 404,
  47: 404,
  46: 404,
  62: 400,
  159: 408,
  516: 403,
}

function exception(response: ServerResponse, error: unknown): void {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : asError(error)
  const code = Number.parseInt(/Code: (\d+)/.exec(cause.message)?.[1] ?? '1002', 10)
  response.statusCode = HTTP_STATUS[code] ?? 500
  response.setHeader('X-ClickHouse-Exception-Code', String(code))
  response.end(`${cause.message.trim()} (version embedded)\n`)
}

function injected(response: ServerResponse, fault: Extract<Fault, { kind: 'exception' | 'garbage' }>): void {
  response.statusCode = 500
  if (fault.kind === 'garbage') {
    response.end('<html><body>502 Bad Gateway</body></html>')
    return
  }
  response.setHeader('X-ClickHouse-Exception-Code', String(fault.code))
  const message = fault.message ?? 'injected fault'
  response.end(`Code: ${fault.code}. DB::Exception: ${message}. (${fault.name}) (version embedded)\n`)
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
