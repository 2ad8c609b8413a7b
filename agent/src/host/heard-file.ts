import { join } from 'node:path'
import { isJsonObject, parseJson } from '@vouch/proto/kernel/json.ts'
import { readIfPresent, writeSecret } from './secret-file.ts'

/** What a dialled agent leaves for the doctor, who cannot dial the collector. */
export interface HeardNote {
  /** When a collector was heard, epoch milliseconds. */
  readonly atMs: number
  /** Its clock less this host's, milliseconds. */
  readonly clockOffsetMs: number
}

const NAME = 'collector-heard.json'

/** Notes that a collector was heard; a note that cannot be kept is none. */
export function noteHeard(stateDir: string, { atMs, clockOffsetMs }: HeardNote): void {
  try {
    const fields = { at_ms: atMs, clock_offset_ms: clockOffsetMs }
    writeSecret(join(stateDir, NAME), new TextEncoder().encode(`${JSON.stringify(fields)}\n`))
  } catch {
    // The disk is full, say: delivery goes on without.
  }
}

/** The last note; undefined where there is none. */
export function lastHeard(stateDir: string): HeardNote | undefined {
  const bytes = readIfPresent(join(stateDir, NAME))
  const json = bytes === undefined ? undefined : parseJson(new TextDecoder().decode(bytes))
  const fields = json?.ok === true && isJsonObject(json.value) ? json.value : {}
  const [atMs, clockOffsetMs] = [fields['at_ms'], fields['clock_offset_ms']]
  return typeof atMs === 'number' && typeof clockOffsetMs === 'number' ? { atMs, clockOffsetMs } : undefined
}
