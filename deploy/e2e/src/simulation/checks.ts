import type { AdmittedBatch, Hex } from '@vouch/collector/ports.ts'
import { LossReason } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import type { AgentHost } from './agent-host.ts'
import { crossingsOf } from './forks.ts'
import type { Ledger } from './ledger.ts'
import type { Reading } from './readings.ts'
import { usageOf } from './readings.ts'
import type { Registry } from './registry.ts'
import type { StoredReading, Tables } from './tables.ts'

/** What is looked at when a run is over. */
export interface Evidence {
  readonly hosts: readonly AgentHost[]
  readonly ledger: Ledger
  readonly tables: Tables
  readonly registry: Registry
  /** When the last fault was over, epoch milliseconds. */
  readonly healedMs: number
}

/** A fork is barred so long after both of its batches have come and nothing fails any more, milliseconds. */
const BARRED_WITHIN_MS = 60_000

/** Everything that does not hold; empty = all is well. */
export function check(evidence: Evidence): string[] {
  const agents = Map.groupBy(evidence.hosts, ({ identity }) => identity.agentId.toHex())
  return [
    ...foreign(evidence),
    ...[...agents].flatMap(([agent, hosts]) => checkAgent(agent, hosts, evidence)),
  ]
}

function checkAgent(agent: Hex, hosts: readonly AgentHost[], evidence: Evidence): string[] {
  const own = evidence.tables.batchesOf(hosts[0]!.identity.agentId)
  const state = evidence.registry.agents.get(agent)?.state
  const name = hosts.map((host) => host.name).join(' and ')
  if (hosts.some(({ fate }) => fate === 'copied'))
    return [
      ...barredInTime(agent, name, evidence),
      ...kept(agent, name, hosts, evidence),
      ...complete(agent, hosts[0]!, own, evidence),
      ...billedOnce(agent, name, hosts, evidence),
    ]
  const barred = state === 'active' ? [] : [`${name} is honest and ${state}`]
  const [host] = hosts
  return [...barred, ...chain(name, own), ...complete(agent, host!, own, evidence)]
}

/** Nothing is stored that its agent did not seal, byte for byte, under its own streams. */
function foreign({ hosts, ledger, tables }: Evidence): string[] {
  const problems: string[] = []
  const honest = new Set(hosts.map(({ identity }) => identity.agentId.toHex()))
  for (const batch of [...tables.batches.values(), ...tables.quarantine.values()]) {
    const record = ledger.sealed.get(batch.digest.toHex())
    // What a rogue agent signs about others is kept under its own name, and counts for nothing.
    if (batch.fault !== undefined && !honest.has(batch.agentId.toHex())) continue
    const same =
      record !== undefined &&
      equalBytes(record.signed.header, batch.header) &&
      equalBytes(record.signed.body, batch.body) &&
      equalBytes(record.signed.signature, batch.signature)
    if (!same) problems.push(`batch ${batch.digest.toHex()} is stored and nobody sealed it`)
  }
  const sealed = new Set(
    [...ledger.sealed.values()].flatMap(({ agent, readings }) => readings.map((row) => keyOf(agent, row))),
  )
  for (const row of tables.readings.values()) {
    if (!sealed.has(keyOf(row.agent, row)))
      problems.push(`a reading of ${row.stream} is stored and nobody sealed it`)
    const stream = tables.streams.get(row.stream)
    if (stream?.agentId.toHex() !== row.agent)
      problems.push(`a reading is stored for the undeclared or foreign stream ${row.stream}`)
  }
  return problems
}

/** The hourly lattice says the same usage as the readings. */
function lattice(stored: readonly StoredReading[], tables: Tables): string[] {
  const byEpoch = Map.groupBy(tables.hours, ([key]) => key.slice(0, key.lastIndexOf(' ')))
  const usage = new Map<Hex, bigint>()
  for (const [key, hours] of byEpoch) {
    const states = hours.map(([, state]) => state)
    const first = states.reduce(
      (least, each) => (each.firstRegister < least ? each.firstRegister : least),
      2n ** 64n,
    )
    const last = states.reduce((most, each) => (each.lastRegister > most ? each.lastRegister : most), 0n)
    const stream = key.split(' ')[0]!
    usage.set(stream, (usage.get(stream) ?? 0n) + last - first)
  }
  return [...usageOf(stored)].flatMap(([stream, quantity]) =>
    usage.get(stream) === quantity
      ? []
      : [`stream ${stream}: ${quantity} by readings, ${usage.get(stream)} by the lattice`],
  )
}

/** Every run counts from 1 without holes, and nothing has two successors. */
function chain(name: string, batches: readonly AdmittedBatch[]): string[] {
  const problems: string[] = []
  for (const [run, own] of Map.groupBy(batches, ({ runId }) => runId.toHex())) {
    const sequences = own.map(({ sequence }) => sequence).toSorted((a, b) => Number(a - b))
    if (sequences.some((sequence, index) => sequence !== BigInt(index + 1)))
      problems.push(`${name}: run ${run} has the sequences ${sequences.join(' ')}`)
  }
  for (const [previous, own] of Map.groupBy(batches, (batch) => batch.previous.toHex())) {
    if (own.length > 1 && previous !== '') problems.push(`${name}: ${previous} has ${own.length} successors`)
  }
  return problems
}

/** A fork, among what was taken and what was set aside, bars its agent within the bound. */
function barredInTime(agent: Hex, name: string, { healedMs, registry, tables }: Evidence): string[] {
  const forkedMs = forkMs(agent, tables)
  if (forkedMs === undefined) return []
  const barredMs = registry.barredMs.get(agent)
  if (barredMs === undefined) return [`${name}: the history has forked and nobody is barred`]
  const lateMs = barredMs - Math.max(forkedMs, healedMs)
  return lateMs > BARRED_WITHIN_MS ? [`${name}: a fork was barred after ${lateMs} ms`] : []
}

/** When the earliest fork was complete: two batches that follow one, two beginnings that were taken, or a link across a loss. */
function forkMs(agent: Hex, tables: Tables): number | undefined {
  const all = [...tables.batches.values(), ...tables.quarantine.values()]
  const own = all.filter((batch) => batch.agentId.toHex() === agent)
  const begun = own.filter(({ fault, columns, previous }) => {
    const isLoss = columns?.losses.some(({ reason }) => reason === LossReason.SPOOL_CORRUPT) ?? false
    return previous.length === 0 && fault?.code !== 'CHAIN_BROKEN' && !isLoss
  })
  const followed = Map.groupBy(
    own.filter(({ previous }) => previous.length > 0),
    ({ previous }) => previous.toHex(),
  )
  const times = [begun, ...followed.values()].flatMap((after) => {
    const firstMs = new Map(after.toReversed().map(({ digest, receivedMs }) => [digest.toHex(), receivedMs]))
    const [, second] = [...firstMs.values()].toSorted((a, b) => a - b)
    return second ?? []
  })
  const forkedMs = [...times, ...crossingsOf(tables, agent)]
  return forkedMs.length === 0 ? undefined : Math.min(...forkedMs)
}

/** Whatever one of several copies sealed is archived, set aside, or still waits on one of the disks. */
function kept(agent: Hex, name: string, hosts: readonly AgentHost[], { ledger, tables }: Evidence): string[] {
  const known = new Set([
    ...hosts.flatMap((host) => [...host.waiting(), ...host.gone]),
    ...[...tables.batches.values(), ...tables.quarantine.values()].map(({ digest }) => digest.toHex()),
  ])
  const lost = [...ledger.sealed].filter(([digest, record]) => record.agent === agent && !known.has(digest))
  return lost.length === 0 ? [] : [`${name}: ${lost.length} sealed batches are nowhere`]
}

/** Copies together are billed for no more than all their devices used. */
function billedOnce(
  agent: Hex,
  name: string,
  hosts: readonly AgentHost[],
  { registry, tables }: Evidence,
): string[] {
  // A disk from before a loss, put back after a new history began, counts time again until its agent is barred.
  if (registry.barredMs.has(agent) && hosts.some(({ beganAnew }) => beganAnew)) return []
  const usage = usageOf(tables.readings.values().filter((row) => row.agent === agent))
  const truths = hosts.map(({ device }) => device.truth())
  return [...usage].flatMap(([stream, billed]) => {
    const meter = tables.streams.get(stream)?.meter
    const used = truths.reduce(
      (sum, each) => sum + (meter === 'host.cpu.used' ? each[meter] : each['host.memory.held']),
      0n,
    )
    return billed > used ? [`${name}: ${meter} used ${used} and is billed ${billed}`] : []
  })
}

/** What was sealed is stored, once; what is used is what the device used; what is not stored is a listed loss. */
function complete(
  agent: Hex,
  host: AgentHost,
  own: readonly AdmittedBatch[],
  { ledger, tables }: Evidence,
): string[] {
  const problems: string[] = []
  const taken = new Set(own.filter(({ fault }) => fault === undefined).map(({ digest }) => digest.toHex()))
  const aside = own.filter(({ fault }) => fault !== undefined)
  const records = [...ledger.sealed].filter(([, record]) => record.agent === agent)
  const stored = [...tables.readings.values()].filter((row) => row.agent === agent)
  const due = new Set(
    records.flatMap(([digest, { readings }]) =>
      taken.has(digest) ? readings.map((row) => keyOf(agent, row)) : [],
    ),
  )
  const lost = records.filter(([digest]) => !own.some((batch) => batch.digest.toHex() === digest)).length
  if (host.fate === 'honest' && lost > 0)
    problems.push(`${host.name}: ${lost} sealed batches are not in the archive`)
  const there = new Set(stored.map((row) => keyOf(agent, row)))
  if (there.size !== stored.length) problems.push(`${host.name}: a reading is stored twice`)
  if (!due.isSubsetOf(there))
    problems.push(`${host.name}: ${due.difference(there).size} readings are missing`)
  if (host.fate !== 'honest') return problems
  if (there.size !== due.size)
    problems.push(`${host.name}: ${there.size - due.size} readings are in no archived batch`)
  for (const { fault } of aside)
    problems.push(`${host.name}: an honest batch was set aside: ${fault?.code} ${fault?.message}`)
  return [
    ...problems,
    ...lattice(stored, tables),
    ...truth(host, stored, tables),
    ...gaps(agent, host, stored, tables),
  ]
}

function truth(host: AgentHost, stored: readonly StoredReading[], tables: Tables): string[] {
  const usage = usageOf(stored)
  return Object.entries(host.device.truth()).flatMap(([meter, quantity]) => {
    const stream = [...usage.keys()].find((id) => tables.streams.get(id)?.meter === meter)
    const billed = usage.get(stream ?? '') ?? 0n
    return billed === quantity ? [] : [`${host.name}: ${meter} used ${quantity} and is billed ${billed}`]
  })
}

/** Looks that are not stored are in a signed loss; time that is not covered lies between processes or in a loss. */
function gaps(agent: Hex, host: AgentHost, stored: readonly StoredReading[], tables: Tables): string[] {
  // Where the clock was set back a reading more opens the new epoch, and labels are not the time that passed.
  if (host.steps > 0) return []
  const problems: string[] = []
  const losses = [...tables.losses.values()].filter((loss) => loss.agent === agent)
  const dropped = losses.reduce((total, { readings }) => total + readings, 0n)
  const looks = BigInt(stored.length) + dropped
  if (looks !== 2n * BigInt(host.device.looks))
    problems.push(`${host.name}: ${2 * host.device.looks} readings were made; stored and lost are ${looks}`)
  if (dropped > 0n) return problems
  const coveredMs = stored.reduce((total, { spanMs }) => total + spanMs, 0)
  if (coveredMs !== 2 * host.device.watchedMs())
    problems.push(`${host.name}: covered are ${coveredMs} ms, watched ${2 * host.device.watchedMs()}`)
  return problems
}

function keyOf(agent: Hex, { stream, epoch, timeMs, register, spanMs }: Reading): string {
  return `${agent} ${stream} ${epoch} ${timeMs} ${register} ${spanMs}`
}
