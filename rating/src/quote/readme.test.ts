import { readFileSync } from 'node:fs'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { expect, test } from 'vitest'
import { quote } from './quote.ts'

test('the README has an example of every rule and model, and each gives what it says', () => {
  const readme = readFileSync(new URL('../../QUOTE.md', import.meta.url), 'utf8')
  const examples = [...readme.matchAll(/```json\n([\s\S]*?)```\n+Total: (-?[\d.]+)/g)]
  expect(examples.length).toBeGreaterThan(15)
  for (const [, text, total] of examples)
    expect((unwrap(quote(text ?? '')) as { total: unknown }).total, text).toBe(total)
})
