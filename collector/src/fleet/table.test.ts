import { expect, it } from 'vitest'
import type { AgentSummary } from './ports.ts'
import { agentDetails, agentJson, agentTable, formatAge } from './table.ts'

const NOW_MS = 1_780_000_000_000
const STATUS = {
  heardMs: NOW_MS - 2_000,
  collector: 'c1 0.0.0.0:7410',
  address: '10.0.0.9:1',
  runId: '0a',
  lastSequence: 2n ** 60n,
  policyVersion: 0n,
  clockOffsetMs: -1_500,
  newestReadingMs: NOW_MS - 61_000,
  lagMs: 61_000,
  stopped: false,
  spool: { batches: 3n, bytes: 4_096n, oldestMs: NOW_MS - 7_200_000 },
}
const AGENT: AgentSummary = {
  agentId: '0f'.repeat(16),
  label: 'rack 7',
  group: 'default',
  resource: 'host:a',
  agentVersion: '0.1.0',
  state: 'active',
  reason: '',
  enrolledMs: NOW_MS - 86_400_000,
  lastSeenMs: NOW_MS - 2_000,
  silentSinceMs: undefined,
  pull: undefined,
  status: STATUS,
}
const NEW: AgentSummary = { ...AGENT, label: 'new', lastSeenMs: undefined, status: undefined }

it.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [-1_500, '-1 s'],
  [119_999, '1 min'],
  [90_000_000, '1 d'],
])('%d ms are %s', (ms, text) => expect(formatAge(ms)).toBe(text))

it('the table lines up, and says what is wrong in one word', () => {
  const silent = { ...AGENT, silentSinceMs: NOW_MS }
  const stopped = { ...AGENT, status: { ...STATUS, stopped: true } }
  const barred = { ...AGENT, state: 'revoked' as const, reason: 'sold' }
  const table = agentTable([AGENT, silent, stopped, barred, NEW], NOW_MS)
  const id = '0f'.repeat(16)
  expect(table.split('\n')).toEqual([
    `AGENT${' '.repeat(29)}STATE       SEEN  LAG    CLOCK  SPOOL  VERSION  RESOURCE  LABEL`,
    `${id}  active      2 s   1 min  -1 s   3      0.1.0    host:a    rack 7`,
    `${id}  silent      2 s   1 min  -1 s   3      0.1.0    host:a    rack 7`,
    `${id}  stopped     2 s   1 min  -1 s   3      0.1.0    host:a    rack 7`,
    `${id}  revoked     2 s   1 min  -1 s   3      0.1.0    host:a    rack 7 (sold)`,
    `${id}  never seen  -     -      -      -      0.1.0    host:a    new`,
    '',
  ])
  expect(agentTable([], NOW_MS)).toBe('')
})

it('details and JSON hold every number in full', () => {
  expect(agentDetails(AGENT, NOW_MS)).toMatch(/clock offset +-1500 ms\nspool +3 batches, 4096 bytes\n/)
  expect(agentDetails(AGENT, NOW_MS)).toMatch(/policy +the agent's own settings\n/)
  const governed = { ...AGENT, status: { ...STATUS, policyVersion: 12n } }
  expect(agentDetails(governed, NOW_MS)).toMatch(/policy +12\n/)
  expect(agentDetails(NEW, NOW_MS)).not.toMatch(/undefined|spool/)
  expect(JSON.parse(agentJson([AGENT]))[0].status.lastSequence).toBe('1152921504606846976')
})
