import { registerHooks } from 'node:module'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Sabotage } from './simulate.ts'

/** A collector broken on purpose: by a changed line of its source, or by an archive that lies. */
export type Mutant =
  { readonly file: string; readonly line: string; readonly becomes: string } | { readonly sabotage: Sabotage }

/**
 * What the simulation must find, by name. Not among them are the rules of a place that is taken or left out: an agent
 * that sends its chain in order leaves nothing out, and of a place taken twice the watch over the fleet tells.
 * They have their own tests (`sequence.test.ts`).
 */
export const MUTANTS: Readonly<Record<string, Mutant>> = {
  'receipt before the insert': {
    sabotage: (archive, clock) => ({
      ...archive,
      commit: (group) => {
        void clock.sleep(500).then(() => archive.commit(group))
        return Promise.resolve(ok(undefined))
      },
    }),
  },
  'readings of a cut insert forgotten': {
    sabotage: (archive, _, store) => {
      store.forgetful = true
      return archive
    },
  },
  'chain not checked': {
    file: 'collector/src/ingest/sequence.ts',
    line: "if (successor !== undefined && successor !== claim.digest) return { kind: 'fork', other: successor }",
    becomes: '',
  },
  'lane kept after a failed insert': {
    file: 'collector/src/intake/committer.ts',
    line: 'for (const { lane } of abandoned) lane.reset()',
    becomes: '',
  },
  'wake-up lost': {
    file: 'collector/src/intake/committer.ts',
    line: '// At once after the look at the queue: what is queued from here on must start a loop of its own.',
    becomes: 'await Promise.resolve().then(() => undefined)',
  },
}

/** Breaks what is loaded from now on. Throws where the line to be changed is not there. */
export function install(name: string): Sabotage | undefined {
  const mutant = MUTANTS[name]
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`)
  if ('sabotage' in mutant) return mutant.sabotage
  const { file, line, becomes } = mutant
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context)
      if (!url.endsWith(`/${file}`)) return loaded
      const source = Buffer.from(loaded.source as Uint8Array).toString()
      if (!source.includes(line)) throw new Error(`${file} has no line ${line}`)
      return { ...loaded, source: source.replace(line, becomes) }
    },
  })
  return undefined
}
