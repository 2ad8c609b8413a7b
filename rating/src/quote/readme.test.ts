import { readFileSync } from 'node:fs'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { expect, test } from 'vitest'
import type { Answer } from '../testing/quotes.ts'
import { QuoteDocument } from './document.ts'
import { quote } from './quote.ts'

interface Example {
  readonly document: unknown
  readonly total: string
  /** With what a step of the trace begins; undefined = any. */
  readonly step?: string
}

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const answerOf = (document: unknown): Answer => unwrap(quote(JSON.stringify(document))) as unknown as Answer

/** Sets a member by its pointer; null takes it away. */
function assign(document: unknown, pointer: string, value: unknown): void {
  const path = pointer.split('/').slice(1)
  const last = path.pop()!
  let at = document as Record<string, unknown>
  for (const name of path) at = at[name] as Record<string, unknown>
  if (value === null) delete at[last]
  else at[last] = value
}

/** Documents with their totals. */
const quotes = [...read('QUOTE.md').matchAll(/```json\n([\s\S]*?)```\n+Total: (-?[\d.]+)/g)].map(
  ([, text = '', total = '']): Example => ({ document: JSON.parse(text), total }),
)
/** Documents with tables of what is set in them. */
const policies = [
  ...read('POLICIES.md').matchAll(/```json\n([\s\S]*?)```\n+\|.*\n\|.*\n((?:\|.*\n)+)/g),
].flatMap(([, text = '', rows = '']) =>
  [...rows.matchAll(/^\| `(.*?)` +\| (-?[\d.]+) +\| (.*?) +\|$/gm)].map(
    ([, set = '', total = '', step = '']): Example => {
      const document: unknown = JSON.parse(text)
      for (const [pointer, value] of Object.entries(JSON.parse(set) as Record<string, unknown>))
        assign(document, pointer, value)
      return { document, total, step }
    },
  ),
)

test('the examples of every rule and model give what they say', () => {
  expect(quotes.length).toBeGreaterThan(25)
  for (const { document, total } of quotes)
    expect(answerOf(document).total, JSON.stringify(document)).toBe(total)
})

test('the examples of every policy give what they say, and their traces name it', () => {
  expect(policies.length).toBeGreaterThan(80)
  for (const { document, total, step = '' } of policies) {
    const answer = answerOf(document)
    expect(answer.total, JSON.stringify(document)).toBe(total)
    const rules = answer.lines.flatMap(({ trace }) => trace.map(({ rule }) => rule))
    const found = rules.filter((rule) => rule === step || rule.startsWith(`${step} `))
    expect(step === 'no line' ? rules.length : found.length, JSON.stringify([step, rules])).toEqual(
      step === 'no line' ? 0 : expect.any(Number),
    )
    if (step !== 'no line') expect(found, JSON.stringify(document)).not.toEqual([])
  }
})

interface Schema {
  readonly enum?: readonly string[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
}

/** Every member of the schema, and with it every name that it may have. */
function membersOf(schema: Schema, name = ''): string[] {
  return [
    ...(schema.enum ?? []).map((value) => `${name} ${value}`),
    ...(schema.anyOf ?? []).flatMap((each) => membersOf(each, name)),
    ...(schema.items === undefined ? [] : membersOf(schema.items, name)),
    ...Object.entries(schema.properties ?? {}).flatMap(([member, inner]) => [
      member,
      ...membersOf(inner, member),
    ]),
    ...Object.values(schema.patternProperties ?? {}).flatMap((inner) => membersOf(inner)),
  ]
}

function usedIn(value: unknown, name = ''): string[] {
  if (typeof value === 'string') return [`${name} ${value}`]
  if (typeof value !== 'object' || value === null) return []
  if (Array.isArray(value)) return value.flatMap((each) => usedIn(each, name))
  return Object.entries(value).flatMap(([member, inner]) => [member, ...usedIn(inner, member)])
}

test('no member and no name that a document may have is without an example', () => {
  const used = new Set([...quotes, ...policies].flatMap(({ document }) => usedIn(document)))
  // Of the catalogue's units and the days of the week some stand for all; the rest is for tariffs.
  const exempt = /^(unit \S+|days \S+|timing( \S+)?|reviewBelow)$/
  const missing = membersOf(QuoteDocument as Schema).filter(
    (member) => !used.has(member) && !exempt.test(member),
  )
  expect(missing).toEqual([])
})
