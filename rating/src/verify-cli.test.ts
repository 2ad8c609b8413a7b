import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { proofText } from '@vouch/proto/seal/proof.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMemoryStore } from './testing/memory-store.ts'
import { BILLED, measuredHost } from './testing/test-month.ts'
import { ISSUER, OTHER_ISSUER, buildProof } from './testing/test-proof.ts'
import { runVerify } from './verify-cli.ts'

let directory: string
let text: string
const host = measuredHost('a')
const publicKey = toHex(host.agent.key.publicKey)

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-verify-'))
  text = proofText(await buildProof(['host:a'], BILLED, createMemoryStore([host])))
})
afterAll(() => rm(directory, { recursive: true }))

const file = async (name: string, content: string | Uint8Array): Promise<string> => {
  const path = join(directory, name)
  await writeFile(path, content)
  return path
}

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const stdout = { write: (part: string) => (out += part) }
  const stderr = { write: (part: string) => (err += part) }
  return { code: await runVerify(args, { stdout, stderr }), out, err }
}

describe('exit code 2: the question is wrong', () => {
  test.each([
    ['no file', [], 'name one proof'],
    ['two files', ['a', 'b'], 'name one proof'],
    ['an unknown option', ['a', '--kyes', 'b'], '--kyes'],
    ['a file that is not there', ['/nowhere/proof.json'], 'cannot read /nowhere/proof.json'],
    ['an issuer that is no key', ['a', '--issuer', 'abc'], '--issuer takes 64'],
  ])('%s', async (_, args, message) => {
    const { code, out, err } = await run(...args)
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain(message)
  })

  test.each([['{}'], ['[]'], ['["zz"]'], ['nothing']])('a key file with %s', async (content) => {
    expect((await run(await file('proof.json', text), '--keys', await file('keys.json', content))).code).toBe(
      2,
    )
  })
})

describe('exit code 1: the proof does not fit', () => {
  test('the item is named on stderr', async () => {
    const { code, out, err } = await run(
      await file('total.json', text.replace(/"total": "[^"]+"/, '"total": "1.00"')),
    )
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^NOT VERIFIED: invoice\.total: says 1\.00, but 0\.17 follows from the evidence\n$/)
  })

  test('and in JSON', async () => {
    const { code, out } = await run(
      '--json',
      await file('total.json', text.replace(/"total": "[^"]+"/, '"total": "1.00"')),
    )
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ verified: false, code: 'PROOF_MISMATCH', item: 'invoice.total' })
  })

  test.each([
    ['bytes that are no text', Uint8Array.of(0xff, 0xfe)],
    ['an empty file', ''],
    ['another document', '{}\n'],
    ['deep nesting', '['.repeat(200_000)],
    ['a byte order mark', '\u{feff}{}'],
  ])('%s', async (_, content) => {
    expect((await run(await file('other.json', content))).code).toBe(1)
  })

  test('an agent that is not trusted, an issuer that is not expected', async () => {
    const proof = await file('proof.json', text)
    const keys = await file('keys.json', JSON.stringify(['0'.repeat(64)]))
    expect((await run(proof, '--keys', keys)).err).toContain('keys[0].publicKey')
    expect((await run(proof, '--issuer', toHex(OTHER_ISSUER.publicKey))).err).toContain('seal.publicKey')
  })
})

test('exit code 0: the proof fits, as a table or as JSON', async () => {
  const proof = await file('proof.json', text)
  const keys = await file('keys.json', JSON.stringify([publicKey]))
  const table = await run(proof, '--keys', keys, '--issuer', toHex(ISSUER.publicKey))
  expect([table.code, table.err]).toEqual([0, ''])
  expect(table.out).toContain('all among the trusted ones')
  expect(table.out).toContain('chain unbroken')
  const json = await run(proof, '--json')
  expect(JSON.parse(json.out)).toMatchObject({
    verified: true,
    invoice: { number: 'INV-000001', currency: 'EUR', total: '0.17', lines: 2 },
    agents: [{ publicKey }],
  })
})

test('help and version', async () => {
  expect((await run('--help')).out).toContain('Exit code 0')
  expect((await run('--version')).out).toMatch(/^vouch-verify \d+\.\d+\.\d+\n$/)
})
