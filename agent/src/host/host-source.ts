import { execFileSync } from 'node:child_process'
import type { Source } from '../ports.ts'
import type { HostFiles } from './host-files.ts'
import { createLinuxSource } from './linux-source.ts'
import { createPortableSource } from './portable-source.ts'

/** The source that fits this system. */
export function createHostSource(options: {
  readonly files: HostFiles
  readonly resource: string
  readonly scope: 'auto' | 'machine'
}): Source {
  if (process.platform !== 'linux') return createPortableSource(options.resource)
  return createLinuxSource({ ...options, ticksPerSecond: clockTicks() })
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
