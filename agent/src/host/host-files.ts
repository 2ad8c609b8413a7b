import { closeSync, lstatSync, openSync, readFileSync, readSync, readdirSync, watch } from 'node:fs'
import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeviceOf } from './mounts.ts'
import type { Mount } from './mounts.ts'

/** A file kept open: cheap to read often, and the same one whatever takes over its name. */
export interface HeldFile {
  /** Its text now; undefined where it is gone. */
  text(): string | undefined
  close(): void
}

/** The file tree of the metered host, at `/` or where a container has it mounted. */
export interface HostFiles {
  /** The process whose namespaces are the host's: the agent's own at `/`, otherwise the host's first one. */
  readonly process: 'self' | '1'
  /** A file's text; undefined where it is absent or cannot be read. */
  text(path: string): Promise<string | undefined>
  textOr(path: string, fallback: string): Promise<string>
  /** Names in a directory, sorted; none where it is absent. */
  names(path: string): Promise<string[]>
  exists(path: string): Promise<boolean>
  /** Octets that files occupy on a file system; undefined where it does not answer, or another one is seen in its place. */
  usedOctets(mount: Mount): Promise<bigint | undefined>
  /** Opens a small file for many reads; undefined where it is absent or cannot be read. */
  hold(path: string): HeldFile | undefined
  /** Calls whenever a file changes, until what it returns is called; undefined where it cannot be watched. */
  watch(path: string, changed: () => void): (() => void) | undefined
}

/**
 * Reads the tree below `root`. Whatever cannot be read is absent, never zero. Files of the kernel are there at once: to
 * have another thread read them would cost ten times as much. Only a mounted file system may keep its reader waiting.
 */
export function createHostFiles(root: string): HostFiles {
  const text = (path: string): Promise<string | undefined> => Promise.resolve(textNow(join(root, path)))
  return {
    process: root === '/' ? 'self' : '1',
    text,
    textOr: async (path, fallback) => (await text(path)) ?? fallback,
    names: (path) => Promise.resolve(namesNow(join(root, path))),
    exists: (path) => Promise.resolve(existsNow(join(root, path))),
    usedOctets: async (mount) => {
      const path = join(root, mount.mountPoint)
      const [at, space] = await Promise.all([
        stat(path, { bigint: true }),
        statfs(path, { bigint: true }),
      ]).catch(() => [])
      if (at === undefined || space === undefined || !isDeviceOf(mount, at.dev)) return undefined
      return (space.blocks - space.bfree) * space.bsize
    },
    hold: (path) => hold(join(root, path)),
    watch: (path, changed) => {
      try {
        const watcher = watch(join(root, path), { persistent: false }, changed)
        // A file that is removed ends its watch.
        watcher.on('error', () => watcher.close())
        return () => watcher.close()
      } catch {
        return undefined
      }
    },
  }
}

function textNow(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function existsNow(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch {
    return false
  }
}

function namesNow(path: string): string[] {
  try {
    return readdirSync(path).toSorted()
  } catch {
    return []
  }
}

const buffer = Buffer.alloc(65_536)

function hold(path: string): HeldFile | undefined {
  try {
    const file = openSync(path, 'r')
    let open = true
    return {
      text: () => (open ? readAll(file) : undefined),
      close() {
        if (open) closeSync(file)
        open = false
      },
    }
  } catch {
    return undefined
  }
}

/** The kernel may give such a file in pieces. */
function readAll(file: number): string | undefined {
  try {
    let length = 0
    for (;;) {
      const read = readSync(file, buffer, length, buffer.length - length, length)
      length += read
      if (read === 0 || length === buffer.length) return buffer.toString('utf8', 0, length)
    }
  } catch {
    return undefined
  }
}
