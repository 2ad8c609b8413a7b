import { execFileSync } from 'node:child_process'
import type { Source } from '../ports.ts'
import type { HostFiles } from './host-files.ts'
import { createLinuxSource } from './linux-source.ts'
import { createPortableSource } from './portable-source.ts'
import type { Patterns } from './selection.ts'

/** The settings that say what of a host is metered. */
export interface HostSettings {
  readonly scope: 'auto' | 'machine'
  readonly fileSystemsInclude: Patterns | undefined
  readonly fileSystemsExclude: Patterns | undefined
  readonly interfacesInclude: Patterns | undefined
  readonly interfacesExclude: Patterns | undefined
}

/** The source that fits this system. */
export function createHostSource(config: HostSettings, files: HostFiles, resource: string): Source {
  const fileSystems = { include: config.fileSystemsInclude, exclude: config.fileSystemsExclude ?? [] }
  if (process.platform !== 'linux') return createPortableSource(resource, fileSystems)
  const interfaces = { include: config.interfacesInclude, exclude: config.interfacesExclude ?? [] }
  const { scope } = config
  return createLinuxSource({ files, resource, scope, fileSystems, interfaces, ticksPerSecond: clockTicks() })
}

/** USER_HZ is 100 on every architecture that Linux runs Node on; ask all the same. */
const TICKS_PER_SECOND_USUAL = 100n

function clockTicks(): bigint {
  try {
    const text = execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8', stdio: 'pipe', timeout: 2000 })
    return /^[1-9]\d{0,5}$/.test(text.trim()) ? BigInt(text.trim()) : TICKS_PER_SECOND_USUAL
  } catch {
    return TICKS_PER_SECOND_USUAL
  }
}
