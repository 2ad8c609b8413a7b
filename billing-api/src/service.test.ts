import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase } from '@vouch/postgres'
import type { TestDatabase } from '@vouch/postgres'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { runCli } from './cli.ts'
import { readBillingConfig } from './config.ts'
import { openIssuerKey } from './host/issuer-key.ts'
import { createBilling } from './service.ts'
import { SILENT } from './testing/billing-fixture.ts'

let database: TestDatabase
let directory: string
let env: Record<string, string>
beforeAll(async () => {
  database = await createTestDatabase()
  directory = await mkdtemp(join(tmpdir(), 'vouch-billing-'))
  env = {
    VOUCH_BILLING_LISTEN: '127.0.0.1:0',
    VOUCH_DATABASE_URL: database.url,
    VOUCH_TLS: 'off',
    VOUCH_BILLING_ISSUER_KEY_FILE: join(directory, 'keys', 'issuer.key'),
  }
})
afterAll(async () => {
  await database.dispose()
  await rm(directory, { recursive: true })
})

async function cli(args: readonly string[], extra: Record<string, string> = {}, stopped = Promise.resolve()) {
  let out = ''
  let complaints = ''
  const code = await runCli({
    arguments: args,
    env: { ...env, ...extra },
    print: (text) => (out += text),
    complain: (text) => (complaints += text),
    makeLogger: () => SILENT,
    stopped: () => stopped,
  })
  return { code, out, complaints }
}

describe('vouch-billing', () => {
  it('migrates, makes a key that works, revokes it, runs and stops', async () => {
    expect(await cli(['migrate'])).toMatchObject({ code: 0, out: expect.stringContaining('0005-ledger.sql') })
    expect(await cli(['migrate'])).toMatchObject({ code: 0, out: 'the schema is up to date\n' })
    const made = await cli(['api-key', 'create', '--name', 'ci', '--scopes', 'read,admin'])
    expect(made.out).toMatch(/^vouch_[A-Za-z0-9_-]{43}\n$/)
    const id = /key ([0-9a-f-]{36});/.exec(made.complaints)![1]!
    const billing = createBilling({ config: unwrap(readBillingConfig(env)), logger: SILENT })
    const { address } = await billing.start()
    const ask = async () =>
      (await fetch(`${address}/v1/audit`, { headers: { authorization: `Bearer ${made.out.trim()}` } })).status
    expect(await ask()).toBe(200)
    expect((await cli(['api-key', 'revoke', id])).code).toBe(0)
    expect(await ask()).toBe(401)
    await billing.stop()
    await expect(ask()).rejects.toThrow()
    expect((await cli(['run'])).complaints).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+;/)
  })

  it.each([
    [['--help'], 0],
    [['--version'], 0],
    [['check-config'], 0],
    [['openapi'], 0],
    [['dance'], 2],
    [[], 2],
    [['run', '--fast'], 2],
    [['api-key', 'create', '--scopes', 'read'], 1],
    [['api-key', 'create', '--name', 'x', '--scopes', 'read,everything'], 1],
    [['api-key', 'create', '--name', 'x', '--scopes', 'read', '--expires', 'soon'], 1],
    [['api-key', 'revoke', 'nonsense'], 1],
  ])('%j ends with %i', async (args, code) => {
    expect((await cli(args)).code).toBe(code)
  })

  it.each<[string, Record<string, string>]>([
    ['CONFIG_UNKNOWN_KEY', { VOUCH_BILLING_LISTN: '127.0.0.1:1' }],
    ['CONFIG_INVALID', { VOUCH_DATABASE_URL: 'mysql://localhost' }],
    ['CONFIG_MISSING', { VOUCH_TLS: 'on' }],
    ['CONFIG_INVALID', { VOUCH_BILLING_LISTEN: '0.0.0.0:80' }],
    ['CONFIG_INVALID', { VOUCH_CONFIG_FILE: '/nonexistent.yaml' }],
  ])('answers %s to %j', async (code, extra) => {
    expect(await cli(['check-config'], extra)).toMatchObject({
      code: 1,
      complaints: expect.stringContaining(code),
    })
  })

  it('reads a file, under the environment', async () => {
    const file = join(directory, 'billing.yaml')
    await writeFile(file, 'sellerName: From File\nratingDeadlineMs: 5000\n')
    expect((await cli(['check-config'], { VOUCH_CONFIG_FILE: file })).code).toBe(0)
    await writeFile(file, 'sellerNam: x\n')
    const { complaints } = await cli(['check-config'], { VOUCH_CONFIG_FILE: file })
    expect(complaints).toContain('sellerName')
  })
})

describe('start', () => {
  const start = async (extra: Record<string, string>) => {
    const billing = createBilling({ config: unwrap(readBillingConfig({ ...env, ...extra })), logger: SILENT })
    try {
      return await billing.start()
    } finally {
      await billing.stop()
    }
  }

  it('names a database that does not answer, and a port that is taken', async () => {
    const nowhere = 'postgres://x:y@127.0.0.1:1/z'
    await expect(start({ VOUCH_DATABASE_URL: nowhere })).rejects.toMatchObject({
      fault: { code: 'STORE_UNAVAILABLE' },
    })
    const taken = createBilling({ config: unwrap(readBillingConfig(env)), logger: SILENT })
    const { address } = await taken.start()
    const listen = address.replace('http://', '')
    await expect(start({ VOUCH_BILLING_LISTEN: listen })).rejects.toMatchObject({
      fault: { code: 'PORT_IN_USE' },
    })
    await taken.stop()
  })

  it('is not ready, but alive, while the database is away', async () => {
    const other = await createTestDatabase()
    const config = unwrap(readBillingConfig({ ...env, VOUCH_DATABASE_URL: other.url }))
    const billing = createBilling({ config, logger: SILENT })
    const { address } = await billing.start()
    await other.dispose()
    const [live, ready] = await Promise.all(['/livez', '/readyz'].map((path) => fetch(`${address}${path}`)))
    expect([live!.status, ready!.status]).toEqual([200, 503])
    expect(await ready!.json()).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await billing.stop()
  })
})

describe("the issuer's key", () => {
  it('is made once, for its owner only', async () => {
    const file = join(directory, 'new', 'issuer.key')
    const signers = await Promise.all([openIssuerKey(file), openIssuerKey(file)])
    const names = new Set(signers.map((signer) => toHex(unwrap(signer).publicKey)))
    expect(names.size).toBe(1)
    expect(toHex(unwrap(await openIssuerKey(file)).publicKey)).toBe([...names][0])
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readFile(file, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/)
  })

  it('is refused when others can read it, and when it is no key', async () => {
    const file = join(directory, 'odd.key')
    await writeFile(file, 'ff\n', { mode: 0o600 })
    expect(await openIssuerKey(file)).toMatchObject({ fault: { code: 'CONFIG_INVALID' } })
    await writeFile(file, `${'a1'.repeat(32)}\n`)
    expect((await openIssuerKey(file)).ok).toBe(true)
    await chmod(file, 0o640)
    expect(await openIssuerKey(file)).toMatchObject({ fault: { code: 'CONFIG_INVALID' } })
    expect(await openIssuerKey('/dev/null/issuer.key')).toMatchObject({
      fault: { code: 'DATA_DIRECTORY_UNWRITABLE' },
    })
  })
})
