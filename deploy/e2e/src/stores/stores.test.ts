import { chmod, mkdtemp, mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openEngine } from '@vouch/clickhouse'
import { startEmbeddedPostgres } from '@vouch/postgres'
import type { PostgresServer } from '@vouch/postgres'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COLLECTOR, createToken, freePort, installAgent } from '../chaos/installation.ts'
import type { AgentInstallation } from '../chaos/installation.ts'
import { kernelLevels, watchKernel } from '../chaos/kernel.ts'
import { program } from '../chaos/program.ts'
import type { Program } from '../chaos/program.ts'
import { judge } from '../chaos/verdict.ts'
import { mountObstacle, mountSmallDisk } from './small-disk.ts'
import type { SmallDisk } from './small-disk.ts'

const obstacle = await mountObstacle()
const left = obstacle === undefined ? '' : `; not run with a full disk: ${obstacle}`
const DISK_MEBIBYTES = 128
const TEMPORARY_MEBIBYTES = 4
const KERNEL_EVERY_MS = 200
const PATIENCE_MS = 25_000
/** Several batches of an agent at a cadence of a second. */
const MEANWHILE_MS = 3_000

let directory: string
let disk: SmallDisk | undefined
let temporary: SmallDisk | undefined
let postgres: PostgresServer
let postgresPort: number
let probes: string
let collector: Program
let agents: AgentInstallation[]
let stopWatching: ReturnType<typeof watchKernel>
let fromMs: number

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-stores-'))
  // PostgreSQL refuses to run as root: the account that runs it instead has to get in.
  await chmod(directory, 0o755)
  const dataDirectory = join(directory, 'collector')
  const temporaryDirectory = join(directory, 'temporary')
  for (const path of [dataDirectory, temporaryDirectory]) await mkdir(path)
  if (obstacle === undefined) {
    disk = await mountSmallDisk(dataDirectory, DISK_MEBIBYTES)
    temporary = await mountSmallDisk(temporaryDirectory, TEMPORARY_MEBIBYTES)
  }
  postgresPort = await freePort()
  postgres = await startPostgres()
  const address = `127.0.0.1:${await freePort()}`
  probes = `127.0.0.1:${await freePort()}`
  const env = {
    VOUCH_TLS: 'off',
    VOUCH_LOG_LEVEL: 'warn',
    VOUCH_DATA_DIR: join(dataDirectory, 'data'),
    VOUCH_DATABASE_URL: postgres.url,
    VOUCH_COLLECTOR_LISTEN: address,
    VOUCH_COLLECTOR_HTTP_LISTEN: probes,
    TMPDIR: temporaryDirectory,
  }
  collector = program('vouch-collector', COLLECTOR, env)
  agents = await Promise.all(
    ['first', 'second'].map(async (name) => installAgent(directory, name, address, await createToken(env))),
  )
  stopWatching = watchKernel(KERNEL_EVERY_MS)
  fromMs = Date.now()
  collector.start()
  await readinessIs('200 ok')
  agents[0]!.agent.start()
  await sleep(MEANWHILE_MS)
})
afterAll(async () => {
  await Promise.all([collector, ...agents.map(({ agent }) => agent)].map((each) => each.kill()))
  await postgres.stop()
  await disk?.unmount()
  await temporary?.unmount()
  await rm(directory, { recursive: true, force: true })
})

async function startPostgres(): Promise<PostgresServer> {
  return unwrap(await startEmbeddedPostgres({ directory: join(directory, 'postgres'), port: postgresPort }))
}

async function readiness(): Promise<string> {
  try {
    const response = await fetch(`http://${probes}/readyz`)
    return `${response.status} ${await response.text()}`
  } catch {
    return 'no answer'
  }
}

async function readinessIs(expected: string): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS
  for (;;) {
    const found = await readiness()
    if (found.startsWith(expected)) return
    if (performance.now() > deadlineMs)
      throw new Error(`not ${expected} but ${found}; ${collector.accidents.join()}`)
    await sleep(100)
  }
}

describe(`a collector that delivers goes on after its stores come back${left}:`, () => {
  const full = async (filesystem: SmallDisk): Promise<void> => {
    await filesystem.fill()
    await readinessIs('503 DISK_FULL')
    await sleep(MEANWHILE_MS)
    expect(await readiness()).toMatch(/^503 DISK_FULL/)
    await filesystem.makeRoom()
    await readinessIs('200 ok')
  }
  // A step that cannot be taken here is named in the title of all; the others stand without it.
  test(
    "a disk is full, and has room again: the engine's, that of temporary files",
    { timeout: 90_000 },
    async () => {
      const disks = [disk, temporary].filter((each) => each !== undefined)
      expect(disks).toHaveLength(obstacle === undefined ? 2 : 0)
      for (const each of disks) await full(each)
    },
  )

  test('a kill, while the disk is full where one can be, loses nothing', { timeout: 60_000 }, async () => {
    await disk?.fill()
    await readinessIs(disk === undefined ? '200 ok' : '503 DISK_FULL')
    await collector.kill()
    await disk?.makeRoom()
    collector.start()
    await readinessIs('200 ok')
    expect(collector.accidents).toEqual([])
  })

  test(
    'PostgreSQL stops: who is connected delivers, who is new waits until it is back',
    { timeout: 60_000 },
    async () => {
      await postgres.stop()
      await readinessIs('503 STORE_UNAVAILABLE')
      agents[1]!.agent.start()
      await sleep(MEANWHILE_MS)
      expect(await readiness()).toMatch(/^503 STORE_UNAVAILABLE/)
      postgres = await startPostgres()
      await readinessIs('200 ok')
      await sleep(MEANWHILE_MS)
    },
  )

  test('and in the end every reading is stored once, and billed as signed', { timeout: 60_000 }, async () => {
    const codes = [...(await Promise.all(agents.map(({ agent }) => agent.stop()))), await collector.stop()]
    expect(codes).toEqual([0, 0, 0])
    expect([...agents.flatMap(({ agent }) => agent.accidents), ...collector.accidents]).toEqual([])
    const observed = { looks: stopWatching(), levels: kernelLevels(), kills: [], fromMs, toMs: Date.now() }
    const engine = unwrap(await openEngine(join(directory, 'collector', 'data', 'clickhouse')))
    try {
      for (const agent of agents) {
        const verdict = await judge(engine, agent, observed, 'several')
        expect(verdict.problems).toEqual([])
        expect(verdict.batches).toBeGreaterThan(2)
      }
    } finally {
      await engine.close()
    }
  })
})
