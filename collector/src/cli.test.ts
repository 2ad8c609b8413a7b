import { describe, expect, it } from 'vitest'
import { helpText, loadConfig, parseCommand } from './cli.ts'

const ENV = {
  VOUCH_COLLECTOR_LISTEN: '127.0.0.1:0',
  VOUCH_TLS: 'off',
  VOUCH_DATABASE_URL: 'postgresql://vouch:secret@localhost/vouch',
  VOUCH_DATA_DIR: '/var/lib/vouch',
  VOUCH_AGENT_STATE_DIR: 'of another program',
}

describe('the command line', () => {
  it.each<[string, RegExp]>([
    ['fly', /fly is not a command; see --help/],
    ['agents', /agents is not a command/],
    ['--fly', /--fly/],
    ['agents move 00112233445566778899aabbccddeeff --group a', /--by/],
    ['agents move 00112233445566778899aabbccddeeff --group A --by me', /lower-case/],
    ['policy drop x', /not a command/],
    ['policy set --by me --cadence-ms 1000', /name of a group/],
    ['policy set web --by me', /needs one of --cadence-ms/],
    ['policy set web --by me --cadence-ms 5', /from 100 to 3600000/],
    ['policy set web --by me --sources host,dokcer', /host, docker, snmp, events/],
    ['policy set web more --by me --cadence-ms 1000', /no argument more/],
    ['policy list web', /no argument web/],
    ['policy list --by me', /policy:/],
    ['agents revoke x --reason y', /32 hexadecimal digits/],
    ['agents revoke 00112233445566778899aabbccddeeff', /--reason/],
    ['agents show x', /32 hexadecimal digits/],
    ['agents pull 00112233445566778899aabbccddeeff', /host:port or off/],
    ['agents pull 00112233445566778899aabbccddeeff here', /neither host:port nor off/],
    ['agents pull 00112233445566778899aabbccddeeff 10.0.0.1:0', /neither host:port nor off/],
    ['agents pull x off', /32 hexadecimal digits/],
    ['agents enrol-file request.json', /--answer/],
    ['agents enrol-file request.json --answer a --group A', /lower-case/],
    ['agents list --state gone', /active, revoked, quarantined/],
    ['quarantine show', /the id that/],
    ['quarantine', /quarantine is not a command/],
    ['gaps', /gaps is not a command/],
    ['quarantine show x', /UUID/],
    ['quarantine list --reason x', /--reason/],
    ['quarantine list --code OOPS', /OOPS is not a code/],
    ['quarantine list --state lost', /open, redriven, discarded or all/],
    ['quarantine list extra', /no argument|UUID/],
    ['quarantine list --agent 12', /32 hexadecimal digits/],
    ['quarantine redrive --by me', /ids, or --all/],
    ['quarantine redrive --all', /--by NAME/],
    ['quarantine redrive 00000000-0000-8000-8000-000000000000 --all --by me', /ids, or --all/],
    ['quarantine redrive 00000000-0000-8000-8000-000000000000 --code CLOCK_OFFSET --by me', /narrow --all/],
    ['quarantine discard 00000000-0000-8000-8000-000000000000 --by me', /--reason TEXT/],
    ['quarantine discard --all --by me --reason x', /--all/],
    ['gaps list --from yesterday', /RFC 3339|an instant with its offset/],
    ['gaps list --from 2026-03-02T00:00:00Z --to 2026-03-01T00:00:00Z', /before --to/],
    ['audit', /audit is not a command/],
    ['audit days --leaves', /does not take --leaves/],
    ['audit export --day 2026-02-30', /UTC day such as/],
    ['audit export --day 2026-02-03 --to 2026-02-04', /either --day or/],
    ['audit export --from 2026-02-03 --to 2026-02-02', /before --from/],
    ['audit trail --resource host:a --hour 2026-11-24T17:00:00Z', /--meter, or --stream/],
    ['audit trail --stream x --hour 2026-11-24T17:00:00Z', /32 hexadecimal digits/],
    ['audit trail --resource host:a --meter m --hour 2026-11-24T17:00:01Z', /beginning of an hour/],
    ['audit trail --resource host:a --meter m --from 2026-11-24T17:00:00Z', /needs --hour, or/],
    ['token create --ttl-ms 1e3', /number of milliseconds/],
    ['token create --ttl-ms 99999999999', /at most 2592000000/],
  ])('%s', (line, says) => {
    expect(parseCommand(line.split(' '))).toMatchObject({
      ok: false,
      fault: { message: expect.stringMatching(says) },
    })
  })

  it.each<[string, object]>([
    ['', { name: 'run' }],
    ['run', { name: 'run' }],
    ['--help', { name: 'help' }],
    ['--version', { name: 'version' }],
    ['retention show', { name: 'retention show' }],
    [
      'audit export --day 2026-11-24 --leaves',
      { fromMs: 1_795_478_400_000, toMs: 1_795_478_400_000, leaves: true },
    ],
    [
      'audit trail --resource host:a --meter m --hour 2026-11-24T17:00:00Z',
      { of: { resource: 'host:a', meter: 'm' }, fromMs: 1_795_539_600_000, toMs: 1_795_543_200_000 },
    ],
    ['audit check --against f', { name: 'audit check', against: 'f', readings: false }],
    ['token create', { name: 'token create', ttlMs: 3_600_000, label: '', group: 'default' }],
    [
      'agents list --silent',
      { name: 'agents list', silent: true, shared: false, json: false, state: undefined },
    ],
    [
      'agents revoke 00112233445566778899aabbccddeeff --reason sold',
      { name: 'agents revoke', reason: 'sold' },
    ],
  ])('%s is understood', (line, command) => {
    expect(parseCommand(line.split(' ').filter((word) => word !== ''))).toMatchObject({
      ok: true,
      value: command,
    })
  })

  it('help names every setting and command', () => {
    expect(helpText()).toMatch(/token create[\s\S]*VOUCH_COLLECTOR_LISTEN .*default 127\.0\.0\.1:7410/)
  })
})

describe('settings', () => {
  it.each<[Readonly<Record<string, string>>, string, RegExp]>([
    [{ VOUCH_COLLECTOR_LISTN: 'x' }, 'CONFIG_UNKNOWN_KEY', /VOUCH_COLLECTOR_LISTEN/],
    [{ VOUCH_COLLECTOR_LISTEN: '0.0.0.0:1' }, 'CONFIG_INVALID', /loopback/],
    [{ VOUCH_TLS: 'on' }, 'CONFIG_MISSING', /VOUCH_TLS_CERT_FILE/],
    [{ VOUCH_DATA_DIR: '' }, 'CONFIG_MISSING', /VOUCH_CLICKHOUSE_URL/],
    [{ VOUCH_CLICKHOUSE_CLUSTER: 'metering' }, 'CONFIG_MISSING', /VOUCH_CLICKHOUSE_URL/],
    [{ VOUCH_CLICKHOUSE_CLUSTER: "m', 1" }, 'CONFIG_INVALID', /VOUCH_CLICKHOUSE_CLUSTER/],
    [{ VOUCH_CLICKHOUSE_INSERT_QUORUM: '0' }, 'CONFIG_INVALID', /VOUCH_CLICKHOUSE_INSERT_QUORUM/],
    [{ VOUCH_DATABASE_URL: '' }, 'CONFIG_MISSING', /VOUCH_DATABASE_URL/],
    [{ VOUCH_DATABASE_URL: 'mysql://u:hidden@h/d' }, 'CONFIG_INVALID', /^(?!.*hidden)/],
    [{ VOUCH_COLLECTOR_COMMIT_WAIT_MS: '1.5' }, 'CONFIG_INVALID', /VOUCH_COLLECTOR_COMMIT_WAIT_MS/],
    [{ VOUCH_CONFIG_FILE: '/nowhere.yaml' }, 'CONFIG_INVALID', /nowhere/],
  ])('%s', async (env, code, says) => {
    const config = await loadConfig({ ...ENV, ...env }, 'run')
    expect(config).toMatchObject({ ok: false, fault: { code, message: expect.stringMatching(says) } })
  })

  it('are complete with two stores and a listener', async () => {
    expect(await loadConfig(ENV, 'check-config')).toMatchObject({
      ok: true,
      value: { windowBatches: 32, batchBytesMax: 4_194_304 },
    })
  })

  it('need neither ClickHouse nor TLS where a command serves nobody', async () => {
    const { VOUCH_DATABASE_URL } = ENV
    expect(await loadConfig({ VOUCH_DATABASE_URL }, 'token create')).toMatchObject({ ok: true })
    expect(await loadConfig({ VOUCH_DATABASE_URL }, 'run')).toMatchObject({
      fault: { code: 'CONFIG_MISSING' },
    })
  })
})
