import { setFlagsFromString } from 'node:v8'
import type { SourceName } from '@vouch/proto/kernel/source.ts'

/** Sources that look every few seconds and compute little meanwhile. */
const QUIET: ReadonlySet<SourceName> = new Set(['host', 'docker'])

/**
 * What is in force from now on: a heap that grows late, and code compiled once instead of again where it runs often. An
 * agent whose sources are quiet needs 45 MiB less so, with fifty containers; one that counts events or asks many devices
 * would need twice the processor time.
 */
export function beFrugal(sources: readonly SourceName[]): void {
  if (!sources.every((name) => QUIET.has(name))) return
  for (const flag of ['--optimize-for-size', '--no-maglev', '--no-opt']) setFlagsFromString(flag)
}
