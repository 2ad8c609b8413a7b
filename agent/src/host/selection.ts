import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { SettingParser } from '@vouch/proto/kernel/config.ts'

/** Names that fit any of the patterns given. */
export type Patterns = readonly RegExp[]

/** Which of a host's parts are metered, by name. */
export interface Selection {
  /** Exactly these, also where the built-in rule leaves them out; undefined = the built-in rule. */
  readonly include: Patterns | undefined
  /** Never these, whatever else is said. */
  readonly exclude: Patterns
}

const PATTERN_CHARACTERS_MAX = 200
const PATTERNS_MAX = 100

/** Patterns joined by commas: `*` stands for any characters but `/`, `**` for any, `?` for one that is not `/`. */
export const patterns: SettingParser<Patterns> = (text) => {
  const words = text.split(',').map((word) => word.trim())
  const isFit = (word: string): boolean => word.length > 0 && word.length <= PATTERN_CHARACTERS_MAX
  if (words.length > PATTERNS_MAX || !words.every(isFit))
    return fail('CONFIG_INVALID', 'must be patterns such as eth*, joined by commas, none of them empty')
  return ok(words.map(regularOf))
}

/** Whether a part is metered; `usually` is the built-in rule's answer. */
export function isSelected(name: string, { include, exclude }: Selection, usually: boolean): boolean {
  if (exclude.some((pattern) => pattern.test(name))) return false
  return include === undefined ? usually : isIncluded(name, include)
}

/** Whether any pattern fits the whole name. */
export function isIncluded(name: string, include: Patterns): boolean {
  return include.some((pattern) => pattern.test(name))
}

const MEANINGS: Readonly<Record<string, string>> = { '**': '.*', '*': '[^/]*', '?': '[^/]' }

function regularOf(pattern: string): RegExp {
  const parts = pattern.split(/(\*{2,}|\*|\?)/)
  const source = parts.map((part) => MEANINGS[part.replace(/^\*{2,}$/, '**')] ?? RegExp.escape(part))
  return new RegExp(`^${source.join('')}$`, 's')
}
