import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { AgentPull, AgentSummary } from './ports.ts'

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const
const HEAD = ['AGENT', 'STATE', 'SEEN', 'LAG', 'CLOCK', 'SPOOL', 'VERSION', 'RESOURCE', 'LABEL']

/** A length of time for people: its largest unit, rounded down. */
export function formatAge(ms: number): string {
  const [unit, unitMs] = UNITS.find(([, length]) => Math.abs(ms) >= length) ?? ['ms', 1]
  return `${Math.trunc(ms / unitMs)} ${unit}`
}

/** One word for how an agent is doing. */
export function wordOf({ state, silentSinceMs, status, lastSeenMs }: AgentSummary): string {
  if (state !== 'active') return state
  if (silentSinceMs !== undefined) return 'silent'
  if (lastSeenMs === undefined) return 'never seen'
  return status?.stopped === true ? 'stopped' : 'active'
}

/** Agents as a table under a heading; nothing for none. */
export function agentTable(agents: readonly AgentSummary[], nowMs: number): string {
  if (agents.length === 0) return ''
  const rows = [HEAD, ...agents.map((agent) => cellsOf(agent, nowMs))]
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function cellsOf(agent: AgentSummary, nowMs: number): string[] {
  const { agentId, lastSeenMs, status, agentVersion, resource, label, reason } = agent
  const { lagMs, clockOffsetMs, spool } = status ?? {}
  const age = (ms: number | undefined): string => (ms === undefined ? '-' : formatAge(ms))
  return [
    agentId,
    wordOf(agent),
    age(lastSeenMs === undefined ? undefined : Math.max(0, nowMs - lastSeenMs)),
    age(lagMs),
    age(clockOffsetMs),
    spool === undefined ? '-' : `${spool.batches}`,
    agentVersion === '' ? '-' : agentVersion,
    resource,
    reason === '' ? label : `${label} (${reason})`,
  ]
}

/** Everything about one agent, one fact a line. */
export function agentDetails(agent: AgentSummary, nowMs: number): string {
  const { status } = agent
  const instant = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : `${formatInstant(ms)} (${formatAge(nowMs - ms)} ago)`
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['agent', agent.agentId],
    ['state', wordOf(agent)],
    ['reason', agent.reason],
    ['resource', agent.resource],
    ['label', agent.label],
    ['group', agent.group],
    ['version', agent.agentVersion],
    ['enrolled', instant(agent.enrolledMs)],
    ['last seen', instant(agent.lastSeenMs)],
    ['silent since', instant(agent.silentSinceMs)],
    ['pull address', agent.pull?.address],
    ['pull', agent.pull && `${pullWords(agent.pull)}, since ${instant(agent.pull.sinceMs)}`],
    ['last frame', instant(status?.heardMs)],
    ['collector', status?.collector],
    ['address', status?.address],
    ['run', status?.runId],
    ['last sequence', status?.lastSequence.toString()],
    ['policy', policyWords(status?.policyVersion)],
    ['newest reading', instant(status?.newestReadingMs)],
    ['clock offset', status?.clockOffsetMs === undefined ? undefined : `${status.clockOffsetMs} ms`],
    ['spool', status?.spool && `${status.spool.batches} batches, ${status.spool.bytes} bytes`],
    ['oldest in spool', instant(status?.spool?.oldestMs)],
  ]
  return facts
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${name.padEnd(15)}  ${value}\n`)
    .join('')
}

function policyWords(version: bigint | undefined): string | undefined {
  return version === 0n ? "the agent's own settings" : version?.toString()
}

function pullWords({ state, message }: AgentPull): string {
  return message === '' ? state : `${state}: ${message}`
}

/** Agents as JSON, one array; numbers beyond 2^53 as texts. */
export function agentJson(value: AgentSummary | readonly AgentSummary[]): string {
  const spell = (_: string, each: unknown): unknown => (typeof each === 'bigint' ? each.toString() : each)
  return `${JSON.stringify(value, spell, 2)}\n`
}
