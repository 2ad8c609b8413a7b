import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ENGINE_DIRECTORY } from '@vouch/collector/clickhouse/connect.ts'
import { createTestDatabase } from '@vouch/postgres'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { ensureCertificate } from '@vouch/standalone/certificate.ts'
import { takeDataDirectory } from '@vouch/standalone/data-directory.ts'
import { startChild } from './child.ts'
import type { Child } from './child.ts'
import { enrolAgents, issueTokens } from './load/enrol.ts'
import type { Identity } from './load/agent.ts'
import { Dialler } from './load/http2-client.ts'
import { freePort } from './port.ts'

/** The collector's program at work, on stores of its own, with TLS on loopback. */
export interface CollectorProcess {
  readonly child: Child
  readonly dialler: Dialler
  /** Enrols so many agents, with a token each. */
  enrol(count: number): Promise<Identity[]>
  /** Orderly stop. */
  stop(): Promise<void>
}

/** Name in the collector's certificate: TLS knows no names that are addresses. */
const HOST_NAME = 'localhost'
const PROGRAM = fileURLToPath(import.meta.resolve('@vouch/collector/main.ts'))
const DATA_DIRECTORY = 'clickhouse'
const START_MAX_MS = 60_000
const START_POLL_MS = 50

/** Where the collector under `directory` keeps its embedded engine's data. */
export function engineDirectory(directory: string): string {
  return join(directory, DATA_DIRECTORY, ENGINE_DIRECTORY)
}

/**
 * Starts the collector as a user would: its program, settings from the environment, TLS unless they say off, a real PostgreSQL, and the
 * embedded engine in `directory` where `settings` name no server.
 */
export async function startCollector(
  directory: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<CollectorProcess> {
  const home = unwrap(await takeDataDirectory(directory))
  const tls = await ensureCertificate(home, [HOST_NAME])
  const isPlain = settings['VOUCH_TLS'] === 'off'
  const database = await createTestDatabase()
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  const child = startChild(PROGRAM, {
    VOUCH_COLLECTOR_LISTEN: address,
    VOUCH_DATA_DIR: join(directory, DATA_DIRECTORY),
    VOUCH_DATABASE_URL: database.url,
    ...(isPlain ? {} : { VOUCH_TLS_CERT_FILE: tls.certFile, VOUCH_TLS_KEY_FILE: tls.keyFile }),
    VOUCH_LOG_LEVEL: 'warn',
    ...settings,
  })
  const stop = async (): Promise<void> => {
    await child.stop()
    await database.dispose()
    home.release()
  }
  try {
    await Promise.race([listening(port), child.failed])
  } catch (error) {
    await stop()
    throw error
  }
  const tlsTarget = isPlain ? undefined : { ca: await readFile(tls.caFile, 'utf8'), name: HOST_NAME }
  const dialler = new Dialler({ host: '127.0.0.1', port, tls: tlsTarget })
  const enrol = async (count: number): Promise<Identity[]> =>
    enrolAgents(dialler, await issueTokens(database.url, count))
  return { child, dialler, enrol, stop }
}

async function listening(port: number): Promise<void> {
  const deadlineMs = performance.now() + START_MAX_MS
  while (!(await accepts(port))) {
    if (performance.now() > deadlineMs) throwFault('UNAVAILABLE', `the collector does not listen on ${port}`)
    await sleep(START_POLL_MS)
  }
}

async function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
