/** A mounted file system. */
export interface Mount {
  /** `major:minor` of its device. */
  readonly device: string
  readonly mountPoint: string
  readonly type: string
  /** What is mounted, such as `/dev/vda`. */
  readonly source: string
}

/** File systems whose blocks are the host's own; network and memory file systems, overlays and images are not. */
const OWN_TYPES: ReadonlySet<string> = new Set(
  'bcachefs btrfs exfat ext2 ext3 ext4 f2fs jfs nilfs2 ntfs3 reiserfs vfat xfs'.split(' '),
)

/** File systems that give each subvolume a device number of its own, which no mount has. */
const SUBVOLUME_TYPES: ReadonlySet<string> = new Set(['bcachefs', 'btrfs'])

/**
 * Reads /proc/PID/mountinfo: each file system once, at its shortest mount point, so a bind mount never counts again.
 * Those on a disk of their own, or exactly those with a mount point that is asked for.
 */
export function parseMounts(text: string, only?: (mountPoint: string) => boolean): Mount[] {
  const bySource = new Map<string, Mount>()
  for (const line of text.split('\n')) {
    const [, device, point, type, source] =
      /^\d+ \d+ (\d+:\d+) \S+ (\S+) \S+ (?:\S+ )*?- (\S+) (\S+) /.exec(line) ?? []
    if (device === undefined || point === undefined || type === undefined || source === undefined) continue
    const mount = { device, mountPoint: unescapeOctal(point), type, source: unescapeOctal(source) }
    if (!(only?.(mount.mountPoint) ?? isOwn(mount))) continue
    // Subvolumes of one disk have device numbers of their own, memory file systems a common source.
    const key = source.startsWith('/dev/') ? source : device
    const known = bySource.get(key)
    if (known === undefined || mount.mountPoint.length < known.mountPoint.length) bySource.set(key, mount)
  }
  return [...bySource.values()]
}

/** Whether a file with this device number, as stat has it, may lie on the file system. */
export function isDeviceOf({ device, type }: Mount, number: bigint): boolean {
  if (SUBVOLUME_TYPES.has(type)) return true
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n)
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n)
  return device === `${major}:${minor}`
}

function isOwn({ source, type }: Mount): boolean {
  return OWN_TYPES.has(type) && source.startsWith('/dev/') && !source.startsWith('/dev/loop')
}

/** The kernel writes space, tab, newline and backslash of a path as octal. */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
}
