import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { takeDataDirectory } from './data-directory.ts'
import type { Settings } from './settings.ts'
import { openPostgres } from './stores.ts'

/** Settings of the standalone that a collector would refuse as unknown. */
const OWN: ReadonlySet<string> = new Set(['VOUCH_ONCE_METER_MS', 'VOUCH_TLS_NAMES'])
/** Beginnings of settings that the collector checks itself. */
export const COLLECTOR_PREFIXES: readonly string[] = [
  'VOUCH_COLLECTOR_',
  'VOUCH_CLICKHOUSE_',
  'VOUCH_CONFIG_FILE',
]

/**
 * Runs a command of vouch-collector on the stores of a data directory that nothing else runs on: PostgreSQL is
 * started for it, ClickHouse is opened by the command itself. Gives its exit code.
 * Throws a FaultError: DATA_DIRECTORY_…, UNSUPPORTED.
 */
export async function runOperator(
  args: readonly string[],
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const directory = unwrap(await takeDataDirectory(settings.dataDir))
  try {
    const postgres = unwrap(await openPostgres(settings, directory))
    try {
      const inherited = Object.entries(env).filter(([name]) => !OWN.has(name))
      return await runCollector(args, {
        ...Object.fromEntries(inherited),
        VOUCH_DATABASE_URL: postgres.value,
        ...(settings.clickhouseUrl === undefined ? { VOUCH_DATA_DIR: directory.path } : {}),
      })
    } finally {
      await postgres.stop()
    }
  } finally {
    directory.release()
  }
}

async function runCollector(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const program = createRequire(import.meta.url).resolve('@vouch/collector/main.ts')
  const flags = ['--disable-warning=ExperimentalWarning', program]
  const child = spawn(process.execPath, [...flags, ...args], { stdio: 'inherit', env })
  // The command ends first, then the stores: at Ctrl-C a terminal tells it too.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 130))
  })
}
