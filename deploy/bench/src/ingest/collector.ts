import { readFile } from 'node:fs/promises'
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { credentials as channelCredentials } from '@grpc/grpc-js'
import { createFleet } from '@vouch/collector/postgres/fleet.ts'
import { openPool } from '@vouch/collector/postgres/pool.ts'
import { createTestDatabase } from '@vouch/postgres'
import { EnrolmentService } from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { FaultError, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { enrolBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'
import { ensureCertificate } from '@vouch/standalone/certificate.ts'
import { takeDataDirectory } from '@vouch/standalone/data-directory.ts'
import { startChild } from '../child.ts'
import type { Child } from '../child.ts'
import { CHANNEL_OPTIONS, HOST_NAME } from './delivery.ts'
import type { Target } from './delivery.ts'
import type { Identity } from './fleet.ts'

/** The collector's program at work, on stores of its own. */
export interface CollectorProcess extends Target {
  readonly child: Child
  /** Enrols so many agents, with a token each. */
  enrol(count: number): Promise<Identity[]>
  /** Orderly stop. */
  stop(): Promise<void>
}

const PROGRAM = fileURLToPath(import.meta.resolve('@vouch/collector/main.ts'))
const TOKEN_TTL_MS = 600_000
const START_MAX_MS = 60_000
const START_POLL_MS = 50
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore }

/** Starts the collector as a user would: its program, settings from the environment, TLS, embedded stores. */
export async function startCollector(directory: string): Promise<CollectorProcess> {
  const home = unwrap(await takeDataDirectory(directory))
  const tls = await ensureCertificate(home, [HOST_NAME])
  const database = await createTestDatabase()
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  const child = startChild(PROGRAM, {
    VOUCH_COLLECTOR_LISTEN: address,
    VOUCH_DATA_DIR: join(directory, 'clickhouse'),
    VOUCH_DATABASE_URL: database.url,
    VOUCH_TLS_CERT_FILE: tls.certFile,
    VOUCH_TLS_KEY_FILE: tls.keyFile,
    VOUCH_LOG_LEVEL: 'warn',
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
  const target = { address, credentials: channelCredentials.createSsl(await readFile(tls.caFile)) }
  return { ...target, child, enrol: (count) => enrol(count, target, database.url), stop }
}

async function enrol(
  count: number,
  { address, credentials }: Target,
  databaseUrl: string,
): Promise<Identity[]> {
  const pool = openPool(databaseUrl, SILENT)
  const client = makeClient(EnrolmentService, address, credentials, CHANNEL_OPTIONS)
  try {
    const fleet = createFleet(pool)
    const identities: Identity[] = []
    for (let index = 0; index < count; index++) {
      const signer = signerOf(generateKeys().privateKey)
      const { publicKey } = signer
      const token = unwrap(await fleet.createToken({ ttlMs: TOKEN_TTL_MS }))
      const { agentId, collectorPublicKey } = await client.enrol({
        $typeName: 'vouch.enrolment.v1.EnrolRequest',
        token,
        publicKey,
        signature: signer.sign(TAGS.enrol, enrolBytes(token, publicKey)),
        label: `bench ${index}`,
        resource: 'host:bench',
        agentVersion: 'bench',
      })
      identities.push({ agentId, signer, collectorKey: collectorPublicKey })
    }
    return identities
  } catch (error) {
    throw new FaultError(faultOfError(error))
  } finally {
    client.close()
    await pool.end()
  }
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

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

function ignore(): void {}
