import type { StreamUsage } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { GapKind } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { KernelLevels, KernelLook } from './kernel.ts'
import { rowOf } from './signed-history.ts'
import type { ArchivedBatch, Stored } from './signed-history.ts'
import type { SignedReading, Truth } from './truth.ts'

/** What the agent's own spool says at the end. */
export interface SpoolEnd {
  /** Batches ever sealed, and those without receipt. */
  readonly sealed: number
  readonly waiting: number
  readonly lastDigest: string
}

/** When the agent was killed, and started again. */
export interface AgentKill {
  readonly endedMs: number
  readonly restartedMs: number
}

/** What the kernel says a stream used between two readings. */
export interface Bracket {
  readonly low: bigint
  readonly high: bigint
}

/** How far a label may stand from the wall clock over a run of minutes. */
const SLEW_MS = 50
/** A source has one cadence of a second to answer; twice that on a busy machine. */
const READ_MAX_MS = 2000

/** Nothing sealed is missing in the archive, nothing else is in it, and the chain has no break. */
export function auditArchive(stored: Stored, spool: SpoolEnd): string[] {
  const problems: string[] = []
  const { batches } = stored
  const check = (holds: boolean, problem: string): void => void (holds || problems.push(problem))
  check(spool.waiting === 0, `${spool.waiting} batches are without receipt`)
  check(
    batches.length === spool.sealed,
    `the agent sealed ${spool.sealed} batches, the archive has ${batches.length}`,
  )
  check(stored.quarantined.length === 0, `set aside: ${stored.quarantined.join('; ')}`)
  check(stored.losses === 0, `${stored.losses} losses were admitted`)
  check(chainLength(batches, spool.lastDigest) === batches.length, 'the chain of batches has a break')
  const signed = batches.flatMap(({ readings }) => readings.map(rowOf)).toSorted()
  check(new Set(signed).size === signed.length, 'a reading was signed twice')
  check(
    signed.join('\n') === stored.rows.join('\n'),
    `${signed.length} readings signed, ${stored.rows.length} stored, or not the same`,
  )
  return problems
}

/** Steps from the last batch back to the first of the agent's life; 0 where it does not get there. */
function chainLength(batches: readonly ArchivedBatch[], lastDigest: string): number {
  const byDigest = new Map(batches.map((batch) => [batch.digest, batch]))
  let steps = 0
  let digest = lastDigest
  while (digest !== '') {
    const batch = byDigest.get(digest)
    if (batch === undefined || steps > batches.length) return 0
    steps += 1
    digest = batch.previous
  }
  return steps
}

/** What was billed is what was signed, and every uncovered millisecond is listed. */
export function auditUsage(name: string, usage: StreamUsage, truth: Truth): string[] {
  const problems: string[] = []
  const { coverage } = usage
  if (truth.falls > 0) problems.push(`${name}: a register fell ${truth.falls} times within an epoch`)
  if (usage.quantity !== `${truth.quantity}`)
    problems.push(`${name}: billed ${usage.quantity}, last − first is ${truth.quantity}`)
  const said = [coverage?.coveredMs, coverage?.spreadMs, coverage?.missingMs].join(' ')
  const found = [truth.coveredMs, truth.spreadMs, truth.missingMs].join(' ')
  if (said !== found) problems.push(`${name}: covered, spread, missing: ${said} ms, found ${found}`)
  const listed = (coverage?.gaps ?? []).map(
    ({ fromMs, toMs, kind }) => `${fromMs}–${toMs} ${kind === GapKind.SPREAD ? 'spread' : 'missing'}`,
  )
  const gaps = truth.gaps.map(({ fromMs, toMs, kind }) => `${fromMs}–${toMs} ${kind}`)
  if (listed.join() !== gaps.join())
    problems.push(`${name}: gaps listed ${listed.join()}, found ${gaps.join()}`)
  return problems
}

/** Every kill of the agent lies in a listed gap, once the stream has begun. */
export function auditKills(name: string, truth: Truth, kills: readonly AgentKill[]): string[] {
  const times = truth.epochs.flatMap((own) => own.map(({ timeMs }) => timeMs))
  const [first, last] = [Math.min(...times), Math.max(...times)]
  const within = kills.filter(({ endedMs, restartedMs }) => first < endedMs && restartedMs < last)
  const unseen = within.filter(
    ({ endedMs, restartedMs }) =>
      !truth.gaps.some(({ fromMs, toMs }) => fromMs <= endedMs + SLEW_MS && restartedMs - SLEW_MS <= toMs),
  )
  return unseen.map(({ endedMs }) => `${name}: no gap holds the kill at ${endedMs}`)
}

/**
 * Every reading of a counter lies between what the kernel showed before and after it was taken, and
 * so does their difference. `undefined` where the kernel's file has no such counter.
 */
export function bracketCounter(
  key: string,
  truth: Truth,
  looks: readonly KernelLook[],
): { readonly problems: string[]; readonly usage: Bracket } | undefined {
  if (looks[0]?.counters.has(key) !== true) return undefined
  const around = ({ timeMs }: SignedReading): Bracket => ({
    low: (looks.findLast(({ afterMs }) => afterMs <= timeMs - SLEW_MS) ?? looks[0]!).counters.get(key)!,
    high: (looks.find(({ beforeMs }) => beforeMs >= timeMs + READ_MAX_MS) ?? looks.at(-1)!).counters.get(
      key,
    )!,
  })
  const outside = truth.epochs.flat().filter((reading) => {
    const { low, high } = around(reading)
    return reading.register < low || reading.register > high
  })
  const problems = outside.map(
    ({ timeMs, register }) => `${key}: ${register} at ${timeMs} is not what the kernel showed`,
  )
  const parts = truth.epochs.map((own) => ({ first: around(own[0]!), last: around(own.at(-1)!) }))
  const low = parts.reduce((sum, { first, last }) => sum + atLeastZero(last.low - first.high), 0n)
  const high = parts.reduce((sum, { first, last }) => sum + last.high - first.low, 0n)
  if (truth.quantity < low || truth.quantity > high)
    problems.push(`${key}: used ${truth.quantity}, the kernel says ${low} to ${high}`)
  return { problems, usage: { low, high } }
}

/** A constant level integrates to level × time, to the unit but for the remainder that an epoch inherits. */
export function auditLevel(key: string, truth: Truth, { cores, memoryOctets }: KernelLevels): string[] {
  const [rate, divisor] = key === 'host.cpu.allocated ' ? [cores, 1n] : [memoryOctets, 1024n * 1024n * 1000n]
  return truth.epochs.flatMap((own) => {
    const expected = (rate * BigInt(own.at(-1)!.timeMs - own[0]!.timeMs)) / divisor
    const measured = own.at(-1)!.register - own[0]!.register
    return measured === expected || measured === expected + 1n
      ? []
      : [`${key}: integrated ${measured}, level × time is ${expected}`]
  })
}

function atLeastZero(value: bigint): bigint {
  return value > 0n ? value : 0n
}
