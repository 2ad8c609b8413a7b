import type { Result } from '@vouch/proto/kernel/fault.ts'
import { coalesce } from '../coalesce.ts'
import type { Archive, Hex, Link } from '../ports.ts'
import { keySet } from './key-set.ts'
import { askReplicas, localTable, missingReplicas } from './topology.ts'
import type { ReplicaAnswer, Topology } from './topology.ts'

/** Runs a query whose rows come as JSON; throws what the engine says. */
export type Query = <T>(sql: string) => Promise<T[]>

/** Where the chains are, and how they are asked about. */
export interface ChainsDeps {
  readonly database: string
  readonly topology: Topology
  readonly query: Query
  /** Turns what is thrown into a fault. */
  readonly guarded: <T>(work: () => Promise<T>) => Promise<Result<T>>
}

/** The questions of an archive about the chains of agents. */
export type Chains = Pick<Archive, 'head' | 'digestAt' | 'hasAgent' | 'hasDigest' | 'successor'>

interface Run {
  readonly agentId: Uint8Array
  readonly runId: Uint8Array
}
interface Place extends Run {
  readonly sequence: bigint
}
interface Mark {
  readonly agentId: Uint8Array
  readonly digest: Uint8Array
}

/** Keys in one query: of a hundred each costs a twentieth of what it costs alone. */
const KEYS_MAX = 100
/** Granules, of 256 batches, up to which it costs less to read a run whole than to search the index for its end. */
const SHORT_GRANULES = 64
/**
 * Digests of agents with many batches that are looked for together. The index of digests lets a fortieth of
 * the blocks pass for each: of a hundred digests nearly all.
 */
const LONG_TOGETHER = 8

/** Questions that come together are one query, begun after the last of them was asked. */
export function createChains(deps: ChainsDeps): Chains {
  const asking = <Key, Value>(
    ask: (keys: readonly Key[]) => Promise<readonly Value[]>,
  ): ((key: Key) => Promise<Result<Value>>) => {
    const together = coalesce<Key, Value>((keys) => deps.guarded(() => ask(keys)), KEYS_MAX)
    return async (key) => {
      const answer = await together([key])
      return answer.ok ? { ok: true, value: answer.value[0]! } : answer
    }
  }
  const head = asking<Run, Link | undefined>((runs) => heads(deps, runs))
  const digestAt = asking<Place, Hex | undefined>((places) => digestsAt(deps, places))
  const hasAgent = asking<Uint8Array, boolean>((agents) => knownAgents(deps, agents))
  const hasDigest = asking<Mark, boolean>((marks) => knownDigests(deps, marks))
  const successor = asking<Mark, Hex | undefined>((marks) => successors(deps, marks))
  return {
    head: (agentId, runId) => head({ agentId, runId }),
    digestAt: (agentId, runId, sequence) => digestAt({ agentId, runId, sequence }),
    hasAgent,
    hasDigest: (agentId, digest) => hasDigest({ agentId, digest }),
    successor: (agentId, digest) => successor({ agentId, digest }),
  }
}

/** Rows of texts that the replicas answer, all together. What decides about a chain is asked of every replica. */
async function askAll(
  { topology, query }: ChainsDeps,
  columns: readonly string[],
  select: string,
): Promise<string[][]> {
  const answers = await askEach({ topology, query }, columns, select)
  const missing = missingReplicas(topology, answers)
  if (missing !== undefined) throw new Error(missing)
  return answers.flatMap(({ found }) => found)
}

type Answer = ReplicaAnswer & { readonly found: string[][] }

/** One row of each replica that answers, with all that it found. */
async function askEach(
  { topology, query }: Pick<ChainsDeps, 'topology' | 'query'>,
  columns: readonly string[],
  select: string,
): Promise<Answer[]> {
  return query(askReplicas(topology, `SELECT groupArray([${columns.join(', ')}]) AS found FROM (${select})`))
}

const AGENT = 'lower(hex(agent))'
const RUN = 'lower(hex(run))'

async function heads(deps: ChainsDeps, runs: readonly Run[]): Promise<(Link | undefined)[]> {
  const floors = await floorsOf(deps, runs)
  const found = await headsAbove(deps, runs, floors)
  // A floor may be of a replica that has not answered now, or of a batch that has expired.
  const lost = runs.filter((run) => !found.has(runName(run)) && floors.has(runName(run)))
  if (lost.length > 0)
    for (const [name, link] of await headsAbove(deps, lost, new Map())) found.set(name, link)
  return runs.map((run) => found.get(runName(run)))
}

/**
 * A sequence of each long run at or after which its head stands, from the primary index alone: it names the
 * first row of every granule, so that of a run of years only the last granules are read. Only a hint: no
 * replica has to answer.
 */
async function floorsOf(deps: ChainsDeps, runs: readonly Run[]): Promise<ReadonlyMap<string, bigint>> {
  const keys = keySet(runs.map(({ agentId, runId }) => [agentId, runId]))
  const answers = await askEach(
    deps,
    [AGENT, RUN, 'toString(floor)'],
    `SELECT agent, run, max(sequence) AS floor FROM ${indexOf(deps)} WHERE (agent, run) IN ${keys}
     GROUP BY agent, run HAVING count() > ${SHORT_GRANULES}`,
  )
  return furthest(
    answers.flatMap(({ found }) => found),
    (sequence) => sequence,
    (sequence) => sequence,
  )
}

/** The furthest that any replica knows, from the floors on. */
async function headsAbove(
  deps: ChainsDeps,
  runs: readonly Run[],
  floors: ReadonlyMap<string, bigint>,
): Promise<Map<string, Link>> {
  const [short, long] = split(runs, (run) => floors.has(runName(run)))
  const keys = short.map(({ agentId, runId }) => [agentId, runId])
  const conditions = [
    ...(short.length > 0 ? [`(agent, run) IN ${keySet(keys)}`] : []),
    ...long.map(
      (run) =>
        `(agent = unhex('${run.agentId.toHex()}') AND run = unhex('${run.runId.toHex()}')` +
        ` AND sequence >= ${floors.get(runName(run))})`,
    ),
  ]
  const rows = await askAll(
    deps,
    [AGENT, RUN, 'toString(last)', 'lower(hex(tip))'],
    `SELECT agent, run, max(sequence) AS last, argMax(digest, sequence) AS tip FROM ${chainsOf(deps)}
     WHERE ${conditions.join(' OR ')} GROUP BY agent, run`,
  )
  return furthest(
    rows,
    (sequence, digest): Link => ({ sequence, digest }),
    (link) => link.sequence,
  )
}

/** By run, the value with the largest sequence, of rows of agent, run, sequence and digest. */
function furthest<Value>(
  rows: readonly (readonly string[])[],
  valueOf: (sequence: bigint, digest: Hex) => Value,
  sequenceOf: (value: Value) => bigint,
): Map<string, Value> {
  const found = new Map<string, Value>()
  for (const [agent, run, text, digest = ''] of rows) {
    const name = `${agent}${run}`
    const sequence = BigInt(text!)
    const known = found.get(name)
    if (known === undefined || sequence > sequenceOf(known)) found.set(name, valueOf(sequence, digest))
  }
  return found
}

async function digestsAt(deps: ChainsDeps, places: readonly Place[]): Promise<(Hex | undefined)[]> {
  const keys = places.map(({ agentId, runId, sequence }) => [agentId, runId, sequence])
  const rows = await askAll(
    deps,
    [AGENT, RUN, 'toString(sequence)', 'lower(hex(taken))'],
    `SELECT agent, run, sequence, any(digest) AS taken FROM ${chainsOf(deps)}
     WHERE (agent, run, sequence) IN ${keySet(keys)} GROUP BY agent, run, sequence`,
  )
  const taken = new Map(rows.map(([agent, run, sequence, digest]) => [`${agent}${run}${sequence}`, digest]))
  return places.map((place) => taken.get(`${runName(place)}${place.sequence}`))
}

async function knownAgents(deps: ChainsDeps, agents: readonly Uint8Array[]): Promise<boolean[]> {
  const rows = await askAll(
    deps,
    [AGENT],
    `SELECT DISTINCT agent FROM ${chainsOf(deps)} WHERE agent IN ${keySet(agents.map((id) => [id]))}`,
  )
  const known = new Set(rows.map(([agent]) => agent))
  return agents.map((id) => known.has(id.toHex()))
}

async function knownDigests(deps: ChainsDeps, marks: readonly Mark[]): Promise<boolean[]> {
  const groups = await groupsOf(deps, marks)
  const rows = await askAll(
    deps,
    [AGENT, 'lower(hex(digest))'],
    unionOf(
      groups,
      (group) => `SELECT DISTINCT agent, digest FROM ${chainsOf(deps)} WHERE ${among(group, 'digest')}`,
    ),
  )
  const known = new Set(rows.map(([agent, digest]) => `${agent}${digest}`))
  return marks.map((mark) => known.has(markName(mark)))
}

async function successors(deps: ChainsDeps, marks: readonly Mark[]): Promise<(Hex | undefined)[]> {
  const groups = await groupsOf(deps, marks)
  const rows = await askAll(
    deps,
    [AGENT, 'lower(hex(previous))', 'lower(hex(next))'],
    unionOf(
      groups,
      (group) =>
        `SELECT agent, previous, any(digest) AS next FROM ${chainsOf(deps)}
         WHERE ${among(group, 'previous')} GROUP BY agent, previous`,
    ),
  )
  const next = new Map(rows.map(([agent, previous, digest]) => [`${agent}${previous}`, digest]))
  return marks.map((mark) => next.get(markName(mark)))
}

/** Those of agents with few batches together, the others in small groups. At least one mark. */
async function groupsOf(deps: ChainsDeps, marks: readonly Mark[]): Promise<Mark[][]> {
  const answers = await askEach(
    deps,
    [AGENT],
    `SELECT agent FROM ${indexOf(deps)} WHERE agent IN ${keySet(marks.map(({ agentId }) => [agentId]))}
     GROUP BY agent HAVING count() > ${SHORT_GRANULES}`,
  )
  const many = new Set(answers.flatMap(({ found }) => found.map(([agent]) => agent)))
  const [short, long] = split(marks, ({ agentId }) => many.has(agentId.toHex()))
  const groups = short.length > 0 ? [short] : []
  for (let from = 0; from < long.length; from += LONG_TOGETHER)
    groups.push(long.slice(from, from + LONG_TOGETHER))
  return groups
}

function unionOf(groups: readonly Mark[][], select: (group: Mark[]) => string): string {
  return groups.map((group) => `(${select(group)})`).join(' UNION ALL ')
}

/** Wider than the marks, as each column has an index of its own. */
function among(marks: readonly Mark[], column: 'digest' | 'previous'): string {
  const agents = keySet(marks.map(({ agentId }) => [agentId]))
  return `agent IN ${agents} AND ${column} IN ${keySet(marks.map(({ digest }) => [digest]))}`
}

/** Those that do not pass, and those that do. */
function split<T>(all: readonly T[], passes: (item: T) => boolean): [T[], T[]] {
  return [all.filter((item) => !passes(item)), all.filter(passes)]
}

function chainsOf({ database, topology }: ChainsDeps): string {
  return `${database}.${localTable(topology, 'batches')}`
}

/** The primary index of the chains as a table: the first row of each granule. */
function indexOf({ database, topology }: ChainsDeps): string {
  return `mergeTreeIndex('${database}', '${localTable(topology, 'batches')}')`
}

function runName({ agentId, runId }: Run): string {
  return agentId.toHex() + runId.toHex()
}

function markName({ agentId, digest }: Mark): string {
  return agentId.toHex() + digest.toHex()
}
