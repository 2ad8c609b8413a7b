import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'

/** `IN` over a table of the database: on several shards the engine refuses it unless it is GLOBAL. */
const PLAIN_IN =
  /(?<!\bGLOBAL\s+(?:NOT\s+)?)\b(?:NOT\s+)?IN\s*\(\s*(?:SELECT\b[^()]*?\bFROM\s+\$\{database\}\.|\$\{\w+\})/g

/** Inserts of the database's tables with all that stands in the same text. */
const INSERT = /`[^`]*INSERT INTO \$\{database\}\.[^`]*`/g

const sources = async (): Promise<(readonly [name: string, text: string])[]> => {
  const files = (await readdir(import.meta.dirname)).filter((name) => /(?<!\.test)\.ts$/.test(name))
  return Promise.all(
    files.map(async (name) => [name, await readFile(join(import.meta.dirname, name), 'utf8')] as const),
  )
}

it('a set of rows that every shard needs is asked for once, and sent to all', async () => {
  const found = (await sources()).flatMap(([name, text]) =>
    [...text.matchAll(PLAIN_IN)].map(([match]) => `${name}: ${match.replaceAll(/\s+/g, ' ')}`),
  )
  expect(found).toEqual([])
})

it('every insert says under which settings it is durable on a cluster too', async () => {
  const inserts = (await sources()).flatMap(([name, text]) =>
    // Where the record of a migration is lost, its statements are run again.
    name === 'migrate.ts' ? [] : [...text.matchAll(INSERT)].map(([match]) => [name, match] as const),
  )
  expect(inserts.length).toBeGreaterThan(3)
  for (const [name, insert] of inserts) expect(insert, name).toContain('${insertSettings(topology)}')
})
