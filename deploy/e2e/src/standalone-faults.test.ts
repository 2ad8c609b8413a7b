import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startStandalone } from './standalone-process.ts'
import type { Ended, Standalone } from './standalone-process.ts'

let directory: string
let first: Standalone
let collector: string
let api: string

/** The one line that a start that fails leaves on standard error, after any progress. */
const complaint = ({ stderr }: Ended): string | undefined =>
  stderr.split('\n').find((line) => line.startsWith('vouch: '))

/** Where a standalone says that it listens. */
function addressesIn(said: string): { readonly collector: string; readonly api: string } {
  const [, at, url] = /collector on (\S+), REST API on (\S+)/.exec(said) ?? []
  if (at === undefined || url === undefined) throw new Error(`no addresses in ${said}`)
  return { collector: at, api: url }
}

const serves = async (url: string): Promise<boolean> => (await fetch(`${url}/v1/openapi.json`)).ok

const inDirectory = (name: string): Record<string, string> => ({ VOUCH_DATA_DIR: join(directory, name) })

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vouch-faults-'))
  // PostgreSQL refuses to run as root: the account that runs it instead has to get in.
  await chmod(directory, 0o755)
  first = startStandalone(inDirectory('first'))
  ;({ collector, api } = addressesIn(await first.ready()))
})
afterAll(async () => {
  first.kill('SIGKILL')
  await first.ended
  await rm(directory, { recursive: true, force: true })
})

describe('a standalone refuses to start, says why and what to do, and ends with 2:', () => {
  test.each([
    [
      'an unknown flag',
      {},
      ['--onec'],
      /CONFIG_UNKNOWN_KEY.*'--onec'.*known are --once, --help and --version/,
    ],
    ['a word that is no flag', {}, ['once'], /CONFIG_UNKNOWN_KEY.*'once'.*known are --once/],
    ['collector without a command', {}, ['collector'], /FIELD_MISSING.*such as collector audit days/],
    [
      'an unknown variable',
      { VOUCH_DATA_DIRR: '/tmp' },
      [],
      /CONFIG_UNKNOWN_KEY: VOUCH_DATA_DIRR is not a setting; did you mean VOUCH_DATA_DIR\?/,
    ],
    [
      'a setting that is no number',
      { VOUCH_AGENT_CADENCE_MS: 'often' },
      [],
      /CONFIG_INVALID: VOUCH_AGENT_CADENCE_MS must be a whole number from 100 to/,
    ],
    [
      'a data directory that cannot be made',
      { VOUCH_DATA_DIR: '/sys/vouch' },
      [],
      /DATA_DIRECTORY_UNWRITABLE: \/sys\/vouch cannot be written: .*; give VOUCH_DATA_DIR a directory/,
    ],
    [
      'a data directory where the system makes none',
      { VOUCH_DATA_DIR: '/proc/vouch' },
      [],
      /DATA_DIRECTORY_UNWRITABLE: \/proc\/vouch cannot be written: .*; give VOUCH_DATA_DIR a directory/,
    ],
  ])('%s', async (_, settings, args, message) => {
    const ended = await startStandalone(settings, args).ended
    expect(complaint(ended)).toMatch(message)
    expect(ended).toMatchObject({ code: 2, stdout: '' })
  })

  test('a file where the data directory should be', async () => {
    await writeFile(join(directory, 'file'), 'not a directory')
    const ended = await startStandalone(inDirectory('file')).ended
    expect(complaint(ended)).toMatch(/DATA_DIRECTORY_UNWRITABLE: .*file cannot be written/)
    expect(ended.code).toBe(2)
  })

  test.each(['2', 'garbage'])('a data directory of format %s, which stays as it is', async (format) => {
    const newer = join(directory, `format-${format}`)
    await mkdir(newer)
    await writeFile(join(newer, 'format'), `${format}\n`)
    const ended = await startStandalone({ VOUCH_DATA_DIR: newer }).ended
    const message = `has format "${format}", this release knows 1; run the release that wrote it, or a newer one`
    expect(complaint(ended)).toMatch(/^vouch: DATA_DIRECTORY_NEWER: /)
    expect(complaint(ended)).toContain(message)
    expect(ended.code).toBe(2)
    expect((await readdir(newer)).toSorted()).toEqual(['format', 'lock'])
  })

  test.each([[[]], [['collector', 'audit', 'days']]])(
    'a data directory that another standalone has: %j',
    async (args) => {
      const ended = await startStandalone(inDirectory('first'), args).ended
      expect(complaint(ended)).toMatch(
        /DATA_DIRECTORY_LOCKED: another Vouch runs on .*; stop it, or give this one another/,
      )
      expect(ended.code).toBe(2)
    },
  )

  test('a port that another program has, of the collector or of the API', async () => {
    const settings = inDirectory('second')
    const apiAddress = new URL(api).host
    for (const [variable, address] of [
      ['VOUCH_COLLECTOR_LISTEN', collector],
      ['VOUCH_BILLING_LISTEN', apiAddress],
    ] as const) {
      const ended = await startStandalone({ ...settings, [variable]: address }).ended
      expect(complaint(ended)).toContain(`PORT_IN_USE: cannot listen on ${address}`)
      expect(complaint(ended)).toMatch(/; (?:set VOUCH_\w+_LISTEN|choose another)/)
      expect(ended.code).toBe(2)
    }
  })
})

test('the standalone that was there first goes on, and stops in order', async () => {
  expect(await serves(api)).toBe(true)
  first.kill('SIGTERM')
  expect((await first.ended).code).toBe(0)
})

test('after a kill its data directory is free, and it starts again', async () => {
  const killed = startStandalone(inDirectory('first'))
  await killed.ready()
  killed.kill('SIGKILL')
  await killed.ended
  const again = startStandalone(inDirectory('first'))
  expect(await serves(addressesIn(await again.ready()).api)).toBe(true)
  again.kill('SIGTERM')
  expect(await again.ended).toMatchObject({ code: 0, signal: null })
})

test('a command of the collector, on the stores of a standalone, has its settings and gives its exit code', async () => {
  const settings = { ...inDirectory('audited'), VOUCH_COLLECTOR_AUDIT_GRACE_MS: '0', VOUCH_TLS_NAMES: 'a' }
  const days = await startStandalone(settings, ['collector', 'audit', 'days']).ended
  expect(days).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringContaining('no day is closed yet'),
  })
  const wrong = await startStandalone(settings, ['collector', 'audit', 'dayss']).ended
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('audit dayss is not a command') })
})
