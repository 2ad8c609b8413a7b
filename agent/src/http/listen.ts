import { lstatSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import type { Server } from 'node:net'

/**
 * Listens at a UNIX socket for its owner and group. A socket that nobody answers at is replaced; false where the path is
 * in use, no socket, or not writable.
 */
export async function listenAtSocket(server: Server, path: string): Promise<boolean> {
  if (!(await isFree(path))) return false
  // Made with these rights, so that there is no moment in which it has others.
  const before = process.umask(0o117)
  try {
    const begun = listening(server, () => server.listen(path))
    process.umask(before)
    return await begun
  } finally {
    process.umask(before)
  }
}

/** Whether a server listens after it was told to begin. */
export function listening(server: Server, begin: () => void): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  server.once('error', () => resolve(false))
  server.once('listening', () => resolve(true))
  begin()
  return promise
}

async function isFree(path: string): Promise<boolean> {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) return true
    if (!found.isSocket() || (await isAnswered(path))) return false
    unlinkSync(path)
    return true
  } catch {
    return false
  }
}

function isAnswered(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(path)
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}
