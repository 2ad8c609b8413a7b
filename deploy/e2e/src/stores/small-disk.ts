import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A file system that a test can fill. */
export interface SmallDisk {
  /** Where it is mounted. */
  readonly path: string
  /** Takes all space that is left. */
  fill(): Promise<void>
  /** Gives it back. */
  makeRoom(): Promise<void>
  unmount(): Promise<void>
}

const run = promisify(execFile)
const CHUNK_BYTES = 1 << 20
const BALLAST = 'ballast'

/** Mounts a file system of so many mebibytes, in memory. Rejects where this process may not. */
export async function mountSmallDisk(directory: string, mebibytes: number): Promise<SmallDisk> {
  await mkdir(directory, { recursive: true })
  await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', directory])
  const ballast = join(directory, BALLAST)
  return {
    path: directory,
    fill: async () => {
      const file = await open(ballast, 'a')
      try {
        // Ever smaller pieces, so that not even a page is left.
        for (let bytes = CHUNK_BYTES; bytes >= 1; bytes = Math.floor(bytes / 2)) await fillWith(file, bytes)
      } finally {
        await file.close()
      }
    },
    makeRoom: () => rm(ballast, { force: true }),
    // What a process that is ending still holds open goes with it.
    unmount: async () => void (await run('umount', ['--lazy', directory])),
  }
}

/** Why nothing can be mounted here; undefined where it can. */
export async function mountObstacle(): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-mount-'))
  try {
    await (await mountSmallDisk(directory, 1)).unmount()
    return undefined
  } catch (error) {
    return error instanceof Error ? (error.message.trim().split('\n').at(-1) ?? '') : String(error)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function fillWith(file: Awaited<ReturnType<typeof open>>, bytes: number): Promise<void> {
  for (;;) {
    try {
      await file.write(new Uint8Array(bytes))
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return
      throw error
    }
  }
}
