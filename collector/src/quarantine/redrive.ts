import { create } from '@bufbuild/protobuf'
import { SignedBatchSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { OpenedBatch } from '@vouch/proto/seal/batch.ts'
import type { AdmittedBatch, Archive, Hex } from '../ports.ts'
import { agree, join, rangesOf } from './agree.ts'
import type { EpochRange, Run, Segment } from './agree.ts'
import { placeOf } from './ports.ts'
import type { Quarantine, QuarantineEntry, QuarantineFilter, QuarantinedBytes } from './ports.ts'
import { decreasing, forked, isChainFault, recheck, reopen, replace } from './recheck.ts'
import type { AgentFacts, RecheckLimits, Rechecked } from './recheck.ts'

/** What redriving works with. */
export interface RedriveDeps {
  readonly quarantine: Quarantine
  readonly archive: Archive
  readonly limits: RecheckLimits
  readonly now: () => number
}

/** Who decides, and why. */
export interface Decider {
  readonly by: string
  readonly reason: string
}

/** What became of one batch; a fault = it stays as it is. */
export interface Outcome {
  readonly entry: QuarantineEntry
  readonly fault: Fault | undefined
}

/** Entries looked at in one query. */
const PAGE_MAX = 500
/** Bounds of what is in memory at once: decoded, a batch takes several times its bytes. */
const GROUP_BATCHES_MAX = 100
const GROUP_BYTES_MAX = 4_194_304
/** Epochs asked for in one query. */
const RANGES_MAX = 100
/** Stored readings in one query. */
const READINGS_MAX = 50_000

type Candidate = Rechecked & { readonly entry: QuarantineEntry; readonly batch: AdmittedBatch }

/**
 * Puts batches through the checks of ingest again and takes the readings of those that pass. Readings are
 * durable before the decision is: after a crash, or beside another one, the same is just done again.
 * Yields what became of each batch, group by group. Faults: STORE_…, DISK_FULL.
 */
export async function* redrive(
  filter: QuarantineFilter,
  decider: Decider,
  deps: RedriveDeps,
): AsyncGenerator<Result<readonly Outcome[]>> {
  let after: QuarantineEntry | undefined
  const agents = new Agents(deps.quarantine)
  for (;;) {
    const page = await deps.quarantine.page(filter, after, PAGE_MAX)
    if (!page.ok) {
      yield page
      return
    }
    for (const group of groupsOf(page.value)) {
      const outcomes = await redriveGroup(group, decider, agents, deps)
      yield outcomes
      if (!outcomes.ok) return
    }
    after = page.value.at(-1)
    if (page.value.length < PAGE_MAX) return
  }
}

/** What is known about the agent that was asked for last: entries come in the order of agents. */
class Agents {
  readonly #quarantine: Quarantine
  #last: { readonly agentId: string; readonly facts: AgentFacts } | undefined

  constructor(quarantine: Quarantine) {
    this.#quarantine = quarantine
  }

  async facts(agentId: string): Promise<Result<AgentFacts>> {
    if (this.#last?.agentId === agentId) return ok(this.#last.facts)
    const keys = await this.#quarantine.keys(agentId)
    if (!keys.ok) return keys
    const streams = await this.#quarantine.streams(agentId)
    if (!streams.ok) return streams
    const facts = { keys: keys.value, streams: streams.value }
    this.#last = { agentId, facts }
    return ok(facts)
  }
}

/** Cuts a page so that what is in memory keeps to its bounds. */
function groupsOf(entries: readonly QuarantineEntry[]): QuarantineEntry[][] {
  const groups: QuarantineEntry[][] = []
  let bytes = 0
  for (const entry of entries) {
    const last = groups.at(-1)
    bytes += entry.bytes
    if (last !== undefined && last.length < GROUP_BATCHES_MAX && bytes <= GROUP_BYTES_MAX) last.push(entry)
    else {
      groups.push([entry])
      bytes = entry.bytes
    }
  }
  return groups
}

async function redriveGroup(
  group: readonly QuarantineEntry[],
  decider: Decider,
  agents: Agents,
  deps: RedriveDeps,
): Promise<Result<readonly Outcome[]>> {
  const open = group.filter(({ state, code }) => state !== 'redriven' && code !== 'SEQUENCE_FORK')
  const stored = await deps.quarantine.bytes(open)
  if (!stored.ok) return stored
  const digests = await deps.quarantine.digests(open)
  if (!digests.ok) return digests
  const bytes = new Map(stored.value.map((item) => [item.id, item]))
  const candidates: Candidate[] = []
  const outcomes: Outcome[] = group
    .filter((entry) => !open.includes(entry))
    .map((entry) => ({ entry, fault: entry.state === 'redriven' ? undefined : forked().fault }))
  for (const entry of open) {
    const signed = bytes.get(entry.id)
    if (signed === undefined) throw new Error(`batch ${entry.id} has left the quarantine`)
    const facts = await agents.facts(entry.agentId)
    if (!facts.ok) return facts
    const examined = await examine(entry, signed, facts.value, digests.value, deps)
    if (!examined.ok) return examined
    if (examined.value.ok) candidates.push(examined.value.value)
    else outcomes.push({ entry, fault: examined.value.fault })
  }
  const fitting = await fit(candidates, deps.quarantine)
  if (!fitting.ok) return fitting
  const taken = await take(fitting.value, decider, deps)
  return taken.ok ? ok([...outcomes, ...fitting.value]) : taken
}

/** Checks one batch by itself. The outer result is of the stores, the inner one of the batch. */
async function examine(
  entry: QuarantineEntry,
  stored: QuarantinedBytes,
  facts: AgentFacts,
  digests: ReadonlyMap<string, Hex>,
  { archive, limits, now }: RedriveDeps,
): Promise<Result<Result<Candidate>>> {
  const { header, body, signature, keyId } = stored
  const opened = reopen(create(SignedBatchSchema, { header, body, signature, keyId }), facts)
  if (!opened.ok) return ok(opened)
  const placed = await place(opened.value, entry, digests, archive)
  if (!placed.ok) return placed
  if (!placed.value.ok) return ok(placed.value)
  const times = { nowMs: now(), receivedMs: entry.receivedMs }
  const rechecked = recheck(opened.value, facts, times, limits)
  if (!rechecked.ok) return ok(rechecked)
  const { header: signed, digest } = opened.value
  const batch: AdmittedBatch = {
    agentId: signed.agentId,
    runId: signed.runId,
    sequence: signed.sequence,
    digest,
    previous: signed.previousDigest,
    header,
    body,
    signature,
    keyId,
    columns: rechecked.value.columns,
    classes: rechecked.value.classes,
    fault: undefined,
    // It has its place in the archive already, with its losses: only the readings are missing.
    chained: false,
    final: signed.final,
    policyVersion: signed.policyVersion,
    wallMs: Number(signed.clock!.wallMs),
    receivedMs: entry.receivedMs,
    peer: entry.peer,
  }
  return ok(ok({ ...rechecked.value, entry, batch }))
}

async function place(
  opened: OpenedBatch,
  { agentId, runId, sequence, code }: QuarantineEntry,
  digests: ReadonlyMap<string, Hex>,
  archive: Archive,
): Promise<Result<Result<void>>> {
  const taken = digests.get(placeOf(agentId, runId, sequence))
  const before = digests.get(placeOf(agentId, runId, sequence - 1n))
  if (!isChainFault(code)) return ok(replace(opened, code, { taken, before, successor: undefined }))
  const { agentId: owner, previousDigest } = opened.header
  // Nothing follows on no batch.
  const next = previousDigest.length === 0 ? ok(undefined) : await archive.successor(owner, previousDigest)
  return next.ok ? ok(replace(opened, code, { taken, before, successor: next.value })) : next
}

/** Which of the candidates agree with what is stored, and with each other. */
async function fit(
  candidates: readonly Candidate[],
  quarantine: Quarantine,
): Promise<Result<(Candidate & Outcome)[]>> {
  const all = candidates.flatMap((candidate) => candidate.segments.map((segment) => ({ candidate, segment })))
  const byKey = Map.groupBy(all, ({ segment }) => segment.key)
  const ranges = [...rangesOf(all.map(({ segment }) => segment))]
  const contradicted = new Map<Candidate, Segment>()
  const compare = (key: string, stored: Run): void => {
    for (const { candidate, segment } of byKey.get(key) ?? [])
      if (!agree(stored, segment.run)) contradicted.set(candidate, segment)
  }
  for (let from = 0; from < ranges.length; from += RANGES_MAX) {
    const asked = ranges.slice(from, from + RANGES_MAX)
    const around = await quarantine.surroundings(asked.map(([, range]) => range))
    if (!around.ok) return around
    for (const [index, [key, range]] of asked.entries()) {
      const { beside, inside } = around.value[index]!
      for (const run of beside) compare(key, run)
      const compared = inside === 0 ? ok(undefined) : await compareInside(quarantine, range, key, compare)
      if (!compared.ok) return compared
    }
  }
  const known = new Map<string, Run>()
  return ok(
    candidates.map((candidate) => {
      const wrong = contradicted.get(candidate) ?? join(known, candidate.segments)
      return { ...candidate, fault: wrong === undefined ? undefined : decreasing(wrong).fault }
    }),
  )
}

async function compareInside(
  quarantine: Quarantine,
  range: EpochRange,
  key: string,
  compare: (key: string, stored: Run) => void,
): Promise<Result<void>> {
  let afterMs = range.fromMs - 1n
  for (;;) {
    const stored = await quarantine.readings(range, afterMs, READINGS_MAX)
    if (!stored.ok) return stored
    compare(key, stored.value)
    if (stored.value.timeMs.length < READINGS_MAX) return ok(undefined)
    afterMs = stored.value.timeMs.at(-1)!
  }
}

/** Readings first; only when they are durable, the decision. */
async function take(
  fitting: readonly (Candidate & Outcome)[],
  { by, reason }: Decider,
  { archive, quarantine, now }: RedriveDeps,
): Promise<Result<void>> {
  const passed = fitting.filter(({ fault }) => fault === undefined)
  if (passed.length === 0) return ok(undefined)
  const stored = await archive.commit({ streams: [], batches: passed.map(({ batch }) => batch) })
  if (!stored.ok) return stored
  const decidedMs = now()
  return quarantine.decide(
    passed.map(({ entry }) => ({ entry, decision: 'redriven', decidedMs, by, reason })),
  )
}
