import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { openEngine, serveEngine } from '@vouch/clickhouse'
import { unwrap } from '@vouch/proto/kernel/fault.ts'

/** A ClickHouse server that speaks HTTP. */
export interface ClickHouseServer {
  /** With user and password. */
  readonly url: string
  stop(): Promise<void>
}

const run = promisify(execFile)
const IMAGE = 'clickhouse/clickhouse-server:26.7'
const DOCKER_TIMEOUT_MS = 120_000
const START_ATTEMPTS = 60

/** The embedded engine behind ClickHouse's HTTP interface. */
export async function embeddedServer(directory: string): Promise<ClickHouseServer> {
  const engine = unwrap(await openEngine(directory))
  const { url, close } = await serveEngine(engine)
  const stop = async (): Promise<void> => {
    await close()
    await engine.close()
  }
  return { url, stop }
}

/** Why no container can be started here; undefined where one can. */
export async function containerObstacle(): Promise<string | undefined> {
  try {
    await run('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: DOCKER_TIMEOUT_MS })
    await run('docker', ['pull', '--quiet', IMAGE], { timeout: DOCKER_TIMEOUT_MS })
    return undefined
  } catch (error) {
    const [, reason = String(error)] = String(error).split('\n')
    return `${IMAGE} in a container (${reason.trim()})`
  }
}

/** ClickHouse's own server in a container. */
export async function containerServer(): Promise<ClickHouseServer> {
  const password = randomUUID()
  const options = [
    '--rm',
    '--detach',
    '--publish',
    '127.0.0.1:0:8123',
    '--env',
    `CLICKHOUSE_PASSWORD=${password}`,
  ]
  const { stdout } = await run('docker', ['run', ...options, IMAGE], { timeout: DOCKER_TIMEOUT_MS })
  const container = stdout.trim()
  const stop = async (): Promise<void> => void (await run('docker', ['stop', container]))
  const { stdout: ports } = await run('docker', ['port', container, '8123/tcp'])
  const address = ports.trim().split('\n')[0] ?? ''
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
    const ready = await fetch(`http://${address}/ping`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (ready) return { url: `http://default:${password}@${address}`, stop }
    await sleep(1000)
  }
  await stop()
  throw new Error(`${IMAGE} did not answer within ${START_ATTEMPTS} s`)
}
