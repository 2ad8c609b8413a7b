import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { helpText, loadConfig, parseCommand } from './cli.ts'
import { AGENT_SETTINGS, readAgentConfig } from './config.ts'

it.each([
  ['CONFIG_UNKNOWN_KEY', 'VOUCH_AGENT_CADENCE_MS', { VOUCH_AGENT_CADENZ_MS: '1000' }],
  ['CONFIG_INVALID', 'VOUCH_AGENT_CADENCE_MS', { VOUCH_AGENT_CADENCE_MS: '1' }],
  ['CONFIG_INVALID', 'VOUCH_AGENT_COLLECTOR', { VOUCH_AGENT_COLLECTOR: 'https://collector' }],
  ['CONFIG_INVALID', 'loopback', { VOUCH_TLS: 'off', VOUCH_AGENT_COLLECTOR: 'collector.example:7410' }],
  ['CONFIG_INVALID', 'VOUCH_AGENT_RESOURCE', { VOUCH_AGENT_RESOURCE: 'my host' }],
])('a wrong setting is %s and names %s', (code, named, env) => {
  const config = readAgentConfig(env)
  expect(config).toMatchObject({ fault: { code } })
  expect(config.ok ? '' : config.fault.message).toContain(named)
})

it('defaults are valid, and settings of other programs no concern', () => {
  expect(readAgentConfig({ VOUCH_BILLING_LISTEN: 'x', PATH: '/bin' })).toMatchObject({
    value: { cadenceMs: 10_000, batchIntervalMs: 60_000, tls: 'on' },
  })
})

it('the file is read, the environment wins, a file that is no file is a fault', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vouch-config-'))
  const file = join(directory, 'agent.yaml')
  writeFileSync(file, 'cadenceMs: 2000\nbatchIntervalMs: 4000\n')
  const env = { VOUCH_CONFIG_FILE: file, VOUCH_AGENT_CADENCE_MS: '3000' }
  expect(await loadConfig(env)).toMatchObject({ value: { cadenceMs: 3000, batchIntervalMs: 4000 } })
  rmSync(directory, { recursive: true })
  expect(await loadConfig(env)).toMatchObject({ fault: { code: 'CONFIG_INVALID' } })
})

it.each([
  [[], 'run'],
  [['enrol'], 'enrol'],
  [['--version'], 'version'],
  [['run', '--help'], 'help'],
  [['enrol', '--request', 'x'], { enrol: 'request', file: 'x' }],
  [['enrol', '--answer', '-'], { enrol: 'answer', file: '-' }],
])('%j means %s', (args, command) => {
  expect(parseCommand(args)).toEqual({ ok: true, value: command })
})

it.each([
  [['fly']],
  [['--token', 'x']],
  [['run', 'twice']],
  [['run', '--request', 'x']],
  [['enrol', '--request', 'x', '--answer', 'y']],
])('%j is refused', (args) => {
  expect(parseCommand(args)).toMatchObject({ fault: { code: 'FIELD_UNKNOWN' } })
})

it('the help names every setting', () => {
  for (const { env } of Object.values(AGENT_SETTINGS)) expect(helpText()).toContain(env)
})
