import { describe, expect, test } from 'vitest'
import { repositoryFiles, type Rule } from './repository.ts'

/** Files by path: a small repository that keeps or breaks a rule. */
export type Sample = Readonly<Record<string, string>>

const repository = repositoryFiles()

/** Tests that the repository keeps a rule, and that the rule notices each sample that breaks it. */
export function checkRule(
  name: string,
  rule: Rule,
  samples: { readonly broken: readonly Sample[]; readonly sound: readonly Sample[] },
): void {
  const complaints = (sample: Sample) => rule(Object.entries(sample).map(([path, text]) => ({ path, text })))
  describe(name, () => {
    test('holds in the repository', () => expect(rule(repository)).toEqual([]))
    test.each(samples.broken)('notices %j', (sample) => expect(complaints(sample)).not.toEqual([]))
    test.each(samples.sound)('accepts %j', (sample) => expect(complaints(sample)).toEqual([]))
  })
}
