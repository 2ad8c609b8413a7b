import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'

/** `IN` over a table of the database: on several shards the engine refuses it unless it is GLOBAL. */
const PLAIN_IN =
  /(?<!\bGLOBAL\s+(?:NOT\s+)?)\b(?:NOT\s+)?IN\s*\(\s*(?:SELECT\b[^()]*?\bFROM\s+\$\{database\}\.|\$\{\w+\})/g

it('a set of rows that every shard needs is asked for once, and sent to all', async () => {
  const files = (await readdir(import.meta.dirname)).filter((name) => /(?<!\.test)\.ts$/.test(name))
  const found: string[] = []
  for (const name of files) {
    const text = await readFile(join(import.meta.dirname, name), 'utf8')
    for (const [match] of text.matchAll(PLAIN_IN)) found.push(`${name}: ${match.replaceAll(/\s+/g, ' ')}`)
  }
  expect(found).toEqual([])
})
