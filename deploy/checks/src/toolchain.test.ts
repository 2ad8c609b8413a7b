import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { repositoryFiles, ROOT } from './repository.ts'

const run = promisify(execFile)
const bin = (name: string) => join(ROOT, 'node_modules', '.bin', name)
const scratch = mkdtempSync(join(tmpdir(), 'vouch-checks-'))
afterAll(() => rmSync(scratch, { recursive: true }))

test('tests run on the Node that package.json pins', () => {
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  expect(process.versions.node).toBe(dependencies.node)
})

test('generated code is what the contract generates', async () => {
  const env = { ...process.env, PATH: `${join(ROOT, 'node_modules', '.bin')}:${process.env['PATH']}` }
  await run(bin('buf'), ['generate', '--output', scratch], { cwd: join(ROOT, 'proto'), env })
  const committed = repositoryFiles().filter(({ path }) => path.startsWith('proto/src/gen/'))
  expect(committed.length).toBeGreaterThan(0)
  for (const { path, text } of committed) {
    expect(readFileSync(join(scratch, path.replace('proto/', '')), 'utf8'), path).toBe(text)
  }
  const { stdout } = await run('find', [join(scratch, 'src'), '-type', 'f'])
  expect(stdout.trim().split('\n')).toHaveLength(committed.length)
})

const statements = (count: number) => `  x += 1\n`.repeat(count)
const lints: [rule: string, code: string][] = [
  ['max-lines-per-function', `export function long(x: number): number {\n${statements(69)}  return x\n}`],
  ['max-lines', 'export {}\n'.repeat(301)],
  ['no-floating-promises', `export function forget(): void {\n  Promise.resolve(1)\n}`],
  ['no-misused-promises', `export const x = [1].filter(async () => true)`],
  ['no-explicit-any', `export const x: any = 1`],
  ['no-console', `console.log(1)`],
  [
    'switch-exhaustiveness-check',
    `export function f(x: 'a' | 'b'): void {\n  switch (x) {\n    case 'a':\n  }\n}`,
  ],
]

test.each(lints)('the linter refuses a breach of %s', async (rule, code) => {
  const file = join(scratch, 'sample.ts')
  await writeFile(file, code)
  await writeFile(join(scratch, 'tsconfig.json'), '{ "compilerOptions": { "strict": true, "types": [] } }')
  const args = ['--config', join(ROOT, '.oxlintrc.json'), '--format', 'unix', file]
  const output = await run(bin('oxlint'), args, { cwd: scratch }).then(
    () => 'accepted',
    (error: unknown) => (error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)),
  )
  expect(output).toContain(`(${rule})`)
})
