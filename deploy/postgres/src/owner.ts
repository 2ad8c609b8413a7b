import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type Binaries, versionOf } from './binaries.ts'

const run = promisify(execFile)

/** System account that runs the server; undefined fields mean the account of this process. */
export interface Owner {
  readonly uid?: number
  readonly gid?: number
}

/**
 * The account that may run a server on this cluster. PostgreSQL refuses to run as root, so root lends it to the
 * account that already owns the cluster, else to `postgres`, else to `nobody`.
 */
export async function ownerOf(cluster: string): Promise<Owner> {
  if (process.getuid?.() !== 0) return {}
  const existing = await stat(cluster).catch(() => undefined)
  if (existing !== undefined && existing.uid !== 0) return { uid: existing.uid, gid: existing.gid }
  return (await account('postgres')) ?? (await account('nobody')) ?? {}
}

async function account(name: string): Promise<Owner | undefined> {
  const ids = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]).catch(() => undefined)
  if (ids === undefined) return undefined
  const [uid, gid] = ids
  return { uid: Number.parseInt(uid.stdout, 10), gid: Number.parseInt(gid.stdout, 10) }
}

/** The first folder on the way to `path` that the account may not enter, if any. */
export async function barrier(path: string, owner: Owner): Promise<string | undefined> {
  if (owner.uid === undefined) return undefined
  const folders = [path]
  while (dirname(folders[0] ?? '/') !== folders[0]) folders.unshift(dirname(folders[0] ?? '/'))
  for (const folder of folders) {
    const entry = await stat(folder)
    const shift = entry.uid === owner.uid ? 6 : entry.gid === owner.gid ? 3 : 0
    if (((entry.mode >> shift) & 1) === 0) return folder
  }
  return undefined
}

/**
 * Binaries that the account can reach: those given, or a copy below `directory` when they stand behind a folder that
 * it may not enter, as in a checkout below /root. The copy is made once per version and belongs to root, so that the
 * server cannot change its own programs; a temporary one belongs to the account, which removes it.
 */
export async function reachableBinaries(
  binaries: Binaries,
  owner: Owner,
  directory: string,
  temporary: boolean,
): Promise<Binaries> {
  const folder = dirname(binaries.postgres)
  if ((await barrier(folder, owner)) === undefined) return binaries
  const copy = join(directory, `postgres-${await versionOf(binaries)}`)
  if (!existsSync(copy)) {
    await rm(`${copy}.new`, { recursive: true, force: true })
    await cp(dirname(folder), `${copy}.new`, { recursive: true, verbatimSymlinks: true })
    if (temporary) await run('chown', ['-R', `${owner.uid}:${owner.gid}`, `${copy}.new`])
    await rename(`${copy}.new`, copy)
  }
  const moved = (program: string) => join(copy, basename(folder), basename(program))
  return { initdb: moved(binaries.initdb), postgres: moved(binaries.postgres) }
}
