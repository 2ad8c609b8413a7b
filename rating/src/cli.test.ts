import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { helpText, loadConfig, parseCommand } from './cli.ts'
import { readRatingConfig } from './config.ts'

const FROM = '2026-03-01T00:00:00Z'
const TO = '2026-04-01T00:00:00Z'

test.each([
  [['frobnicate'], 'FIELD_UNKNOWN'],
  [['--verbose'], 'FIELD_UNKNOWN'],
  [['usage'], 'FIELD_MISSING'],
  [['usage', 'host:a', '--from', FROM], 'FIELD_MISSING'],
  [['usage', 'host:a', '--from', 'yesterday', '--to', TO], 'INSTANT_INVALID'],
  [['usage', 'host:a', '--from', TO, '--to', FROM], 'PERIOD_REVERSED'],
])('%j is refused', (args, code) => {
  expect(parseCommand(args)).toMatchObject({ ok: false, fault: { code } })
})

test.each([
  [[], { name: 'run' }],
  [['run'], { name: 'run' }],
  [['check-config'], { name: 'check-config' }],
  [['usage', '--help'], { name: 'help' }],
  [['--version'], { name: 'version' }],
  [
    ['usage', 'host:a', '--from', FROM, '--to', TO],
    { name: 'usage', resource: 'host:a', meter: '', period: { from: Date.parse(FROM), to: Date.parse(TO) } },
  ],
])('%j is understood', (args, value) => {
  expect(parseCommand(args)).toEqual({ ok: true, value })
})

test.each([
  [{}, 'CONFIG_MISSING'],
  [{ VOUCH_DATA_DIR: '/d', VOUCH_RATIN_LISTEN: 'x' }, 'CONFIG_UNKNOWN_KEY'],
  [{ VOUCH_DATA_DIR: '/d', VOUCH_RATING_LISTEN: 'nowhere' }, 'CONFIG_INVALID'],
  [{ VOUCH_DATA_DIR: '/d', VOUCH_RATING_QUERIES_MAX: '0' }, 'CONFIG_INVALID'],
  [{ VOUCH_CLICKHOUSE_URL: 'ftp://server' }, 'CONFIG_INVALID'],
])('settings %j are refused', (env, code) => {
  expect(readRatingConfig(env)).toMatchObject({ ok: false, fault: { code } })
})

test("a server's password never shows", () => {
  const config = readRatingConfig({ VOUCH_CLICKHOUSE_URL: 'ftp://vouch:hunter2@server' })
  expect(JSON.stringify(config)).not.toContain('hunter2')
})

test('settings of other programs may stand beside', () => {
  const env = {
    VOUCH_DATA_DIR: '/d',
    VOUCH_BILLING_LISTEN: 'x',
    VOUCH_RATING_URL: 'y',
    VOUCH_COLLECTOR_LISTEN: 'z',
  }
  expect(readRatingConfig(env)).toMatchObject({
    ok: true,
    value: { dataDir: '/d', clickhouseDatabase: 'vouch' },
  })
})

test('the file comes after the environment, and its unknown keys are named', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-rating-'))
  const path = join(directory, 'rating.yaml')
  const env = { VOUCH_CONFIG_FILE: path, VOUCH_RATING_LISTEN: '127.0.0.1:1' }
  await writeFile(path, 'dataDir: /from/file\nlisten: 127.0.0.1:2\n')
  expect(await loadConfig(env)).toMatchObject({
    ok: true,
    value: { dataDir: '/from/file', listen: '127.0.0.1:1' },
  })
  await writeFile(path, 'dataDir: /from/file\nlisen: 127.0.0.1:2\n')
  expect(await loadConfig(env)).toMatchObject({ ok: false, fault: { code: 'CONFIG_UNKNOWN_KEY' } })
  await writeFile(path, 'dataDir: [\n')
  expect(await loadConfig(env)).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } })
  await rm(directory, { recursive: true })
  expect(await loadConfig(env)).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } })
})

test('help names every command and setting', () => {
  for (const word of ['usage RESOURCE', 'check-config', 'VOUCH_RATING_LISTEN', 'VOUCH_CLICKHOUSE_URL']) {
    expect(helpText()).toContain(word)
  }
})
