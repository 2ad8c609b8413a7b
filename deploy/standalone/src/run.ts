import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { pino } from 'pino'
import { ensureCertificate } from './certificate.ts'
import { takeDataDirectory } from './data-directory.ts'
import type { DataDirectory } from './data-directory.ts'
import { runOnce } from './once.ts'
import { ownHost } from './own-address.ts'
import type { Course } from './progress.ts'
import { progressOnStderr } from './progress.ts'
import { startServices } from './services.ts'
import type { Vouch } from './services.ts'
import type { Settings } from './settings.ts'
import { openStores } from './stores.ts'
import type { Stores } from './stores.ts'

const TOKEN_TTL_MS = 3_600_000
const ONCE_CADENCE_MS = 1000

/**
 * Runs Vouch in this process until it is done, or asked to stop; the exit code. A signal during the start stops in
 * order what started. Throws FaultErrors of a start that fails.
 */
export async function run(command: 'serve' | 'once', asked: Settings): Promise<number> {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const settings = command === 'once' ? onceSettings(asked) : asked
  const directory = unwrap(await takeDataDirectory(settings.dataDir))
  try {
    return await runIn(directory, command, settings, stopping.signal)
  } finally {
    directory.release()
  }
}

async function runIn(
  directory: DataDirectory,
  command: 'serve' | 'once',
  settings: Settings,
  stopping: AbortSignal,
): Promise<number> {
  const progress = progressOnStderr()
  const logger = pino({ level: settings.logLevel }, pino.destination(2))
  const stores = unwrap(await openStores(settings, directory))
  progress.step(`stores open in ${directory.path}`)
  try {
    const names = new Set([...settings.tlsNames.split(','), ownHost(settings.collectorListen)])
    const tls = await ensureCertificate(directory, [...names])
    const vouch = await startServices({ settings, directory, stores, tls, logger, stopping }, progress)
    try {
      if (command === 'serve') return await serve(vouch, directory, stores, { progress, stopping })
      const result = await runOnce(vouch, directory, settings.onceMeterMs, { progress, stopping })
      await vouch.stop()
      process.stdout.write(`${JSON.stringify(result)}\n`)
      return result.verified ? 0 : 1
    } finally {
      await vouch.stop()
    }
  } finally {
    await stores.stop()
  }
}

/** Short batches, and ports of its own, so that it runs beside whatever runs already. */
function onceSettings(asked: Settings): Settings {
  const free = (address: string): string => address.replace(/:\d+$/, ':0')
  return {
    ...asked,
    cadenceMs: Math.min(asked.cadenceMs, ONCE_CADENCE_MS),
    collectorListen: free(asked.collectorListen),
    billingListen: free(asked.billingListen),
  }
}

async function serve(
  vouch: Vouch,
  directory: DataDirectory,
  stores: Stores,
  { progress, stopping }: Course,
): Promise<number> {
  const { billingUrl, resource } = vouch
  await writeFile(directory.at('postgres-url'), stores.postgresUrl, { mode: 0o600 })
  progress.step('running; Ctrl-C stops it')
  process.stdout.write(`
  usage of this machine   curl -H "Authorization: Bearer $(cat ${directory.at('api-key')})" \\
                            "${billingUrl}/v1/usage?resource=${resource}&from=$(date -u -d -1min +%FT%TZ)&to=$(date -u +%FT%TZ)"
  what the API can do     ${billingUrl}/v1/openapi.json
  agents connect to       ${vouch.collectorAddress}, trusting ${directory.at('tls-ca.pem')}
  token for one agent     ${await vouch.createToken(TOKEN_TTL_MS)}   good once, within the hour

`)
  if (!stopping.aborted) await once(stopping, 'abort')
  progress.step('stopping')
  return 0
}
