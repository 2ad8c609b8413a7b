import { dirname } from 'node:path/posix'

/** One entry of an archive. Paths are relative, without `./`. */
export interface Entry {
  readonly path: string
  /** Permissions. */
  readonly mode: number
  /** User and group; root by default. */
  readonly owner?: number
  /** Content of a file; absent = a directory. */
  readonly content?: Uint8Array
}

const BLOCK_BYTES = 512
const PATH_BYTES_MAX = 100
/** Entries are of one instant, so that the same content is the same archive: 2026-01-01 UTC, seconds. */
export const MODIFIED_S = 1_767_225_600

/** A POSIX archive (ustar) of files and directories, in order of paths, with every directory above a file. */
export function tarOf(entries: readonly Entry[]): Buffer {
  const byPath = new Map<string, Entry>()
  for (const { path } of entries)
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
      byPath.set(folder, { path: folder, mode: 0o755 })
  for (const entry of entries) byPath.set(entry.path, entry)
  const sorted = [...byPath.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const end = Buffer.alloc(2 * BLOCK_BYTES)
  return Buffer.concat([...sorted.flatMap(({ content, ...entry }) => blocksOf(entry, content)), end])
}

function blocksOf(entry: Omit<Entry, 'content'>, content: Uint8Array | undefined): Uint8Array[] {
  const header = headerOf(entry, content?.length)
  if (content === undefined) return [header]
  return [header, content, Buffer.alloc(-content.length & (BLOCK_BYTES - 1))]
}

function headerOf({ path, mode, owner = 0 }: Omit<Entry, 'content'>, length: number | undefined): Buffer {
  const name = length === undefined ? `./${path}/` : `./${path}`
  if (Buffer.byteLength(name) > PATH_BYTES_MAX) throw new Error(`${name}: too long for an archive`)
  const header = Buffer.alloc(BLOCK_BYTES)
  const octal = (value: number, digits: number, at: number): void =>
    void header.write(value.toString(8).padStart(digits, '0'), at)
  header.write(name, 0)
  octal(mode, 7, 100)
  octal(owner, 7, 108)
  octal(owner, 7, 116)
  octal(length ?? 0, 11, 124)
  octal(MODIFIED_S, 11, 136)
  header.write(' '.repeat(8), 148)
  header.write(length === undefined ? '5' : '0', 156)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, octet) => total + octet, 0)
  octal(sum, 6, 148)
  header.write('\0 ', 154)
  return header
}
