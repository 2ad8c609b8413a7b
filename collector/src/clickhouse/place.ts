import { STREAM_ID_BYTES, decodeBody } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import { lossesBlock, segmentsBlock } from '../ingest/blocks.ts'
import type { SignedReadings } from '../ingest/segment-columns.ts'
import { classOf } from '../ingest/streams.ts'
import type { Inserter } from './insert.ts'
import { keySet } from './key-set.ts'
import { everyReplica, missingReplicas, askReplicas } from './topology.ts'
import type { ReplicaAnswer } from './topology.ts'
import type { LeftWriter, WritersPlace } from './writers.ts'

/** Where batches are read and what follows from them is stored. */
export interface PlaceDeps extends WritersPlace {
  readonly inserter: Inserter
  /** Places in one query; a commit is never cut. */
  readonly placesMax?: number
}

/** What was made up for. */
export interface Placed {
  readonly batches: number
  /** The last commit found. */
  readonly placed: bigint
}

/** Places in one query, and bounds of what is in memory at once: decoded, a batch takes several times its bytes. */
const PLACES_MAX = 10_000
const GROUP_BATCHES_MAX = 500
const GROUP_BYTES_MAX = 4_194_304
/** Enough replicas answer, as was just asked; one that does not must not keep everybody waiting. */
const SKIPPING = ' SETTINGS skip_unavailable_shards = 1'
/** They were within the bounds that held when they were taken. */
const ANY_SIZE = { rowsMax: Number.MAX_SAFE_INTEGER, streamsMax: Number.MAX_SAFE_INTEGER }

interface Place {
  readonly agent: string
  readonly run: string
  readonly sequence: string
  readonly digest: string
  readonly bytes: string
  readonly commit: string
}

/**
 * Stores what follows from the signed batches of a writer after its last commit known to be whole: losses, and the
 * readings of those that are not in quarantine. Safe to repeat, and beside others. Throws a FaultError: STORE_…, DISK_FULL.
 */
export async function placeLeft(deps: PlaceDeps, { writer, placed }: LeftWriter): Promise<Placed> {
  let [batches, last] = [0, placed]
  const meters = new Map<string, ReadonlyMap<string, string>>()
  for (;;) {
    const places = await placesAfter(deps, writer, last)
    for (const group of groupsOf(places)) await placeGroup(deps, group, meters)
    batches += places.length
    last = BigInt(places.at(-1)?.commit ?? last)
    if (places.length < (deps.placesMax ?? PLACES_MAX)) return { batches, placed: last }
  }
}

/** Commits are never cut. A replica that lags must not hide a batch that the others hold. */
async function placesAfter(
  { queries, database, topology, placesMax = PLACES_MAX }: PlaceDeps,
  writer: Uint8Array,
  commit: bigint,
): Promise<Place[]> {
  const answers = await queries.rows<ReplicaAnswer>(askReplicas(topology, 'SELECT 1 AS here'))
  const missing = missingReplicas(topology, answers)
  if (missing !== undefined) throw new Error(missing)
  return queries.rows<Place>(
    `SELECT lower(hex(agent)) AS agent, lower(hex(run)) AS run, b.sequence AS sequence, lower(hex(digest)) AS digest,
      max(length(b.body)) AS bytes, max(commit_number) AS commit
    FROM ${everyReplica(topology, database, 'batches')} AS b
    WHERE b.writer = toFixedString(unhex({writer:String}), 16) AND commit_number > {commit:UInt64}
    GROUP BY b.agent, b.run, b.sequence, b.digest
    ORDER BY commit LIMIT ${placesMax} WITH TIES${SKIPPING}`,
    { writer: writer.toHex(), commit: String(commit) },
  )
}

function groupsOf(places: readonly Place[]): Place[][] {
  const groups: Place[][] = []
  let left = 0
  for (const place of places) {
    const group = groups.at(-1)
    left -= Number(place.bytes)
    if (group !== undefined && group.length < GROUP_BATCHES_MAX && left >= 0) group.push(place)
    else {
      groups.push([place])
      left = GROUP_BYTES_MAX - Number(place.bytes)
    }
  }
  return groups
}

async function placeGroup(
  deps: PlaceDeps,
  group: readonly Place[],
  meters: Map<string, ReadonlyMap<string, string>>,
): Promise<void> {
  const { inserter } = deps
  const stored = await bodiesOf(deps, group)
  const unknown = [...new Set(stored.map(({ agent }) => agent))].filter((agent) => !meters.has(agent))
  for (const [agent, own] of await metersOf(deps, unknown)) meters.set(agent, own)
  const signed = stored.flatMap(({ agent, run, sequence, body, aside }) => {
    const columns = decodeBody(Uint8Array.fromBase64(body), ANY_SIZE)
    // A body that cannot be decoded is in quarantine as a whole.
    if (!columns.ok) return []
    const batch: SignedReadings = {
      agentId: Uint8Array.fromHex(agent),
      runId: Uint8Array.fromHex(run),
      sequence: BigInt(sequence),
      columns: columns.value,
      classes: classesOf(columns.value, meters.get(agent)),
    }
    return [{ batch, taken: aside === 0 }]
  })
  const all = signed.map(({ batch }) => batch)
  for (const block of [
    segmentsBlock(signed.flatMap(({ batch, taken }) => (taken ? batch : []))),
    lossesBlock(all),
  ])
    if (block.chunks.length > 0) await inserter.insert(block)
}

interface StoredBody {
  readonly agent: string
  readonly run: string
  readonly sequence: string
  readonly body: string
  readonly aside: 0 | 1
}

async function bodiesOf(
  { queries, database, topology }: PlaceDeps,
  group: readonly Place[],
): Promise<StoredBody[]> {
  const bytes = (hex: string): Uint8Array => Uint8Array.fromHex(hex)
  const keys = keySet(
    group.map(({ agent, run, sequence, digest }) => [
      bytes(agent),
      bytes(run),
      BigInt(sequence),
      bytes(digest),
    ]),
  )
  const signed = keySet(group.map(({ agent, run, sequence }) => [bytes(agent), bytes(run), BigInt(sequence)]))
  return queries.rows<StoredBody>(
    `SELECT lower(hex(b.agent)) AS agent, lower(hex(b.run)) AS run, b.sequence AS sequence, base64Encode(b.body) AS body,
      (b.agent, b.run, b.sequence, b.header) GLOBAL IN
        (SELECT agent, run, sequence, header FROM ${everyReplica(topology, database, 'quarantine')} WHERE (agent, run, sequence) GLOBAL IN ${signed}) AS aside
    FROM ${everyReplica(topology, database, 'batches')} AS b
    WHERE (b.agent, b.run, b.sequence, b.digest) GLOBAL IN ${keys} LIMIT 1 BY b.digest${SKIPPING}`,
  )
}

/** Meters of the streams that these agents declared, by stream. */
async function metersOf(
  { queries, database }: PlaceDeps,
  agents: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  if (agents.length === 0) return new Map()
  const rows = await queries.rows<{ owner: string; name: string; meter: string }>(
    `SELECT DISTINCT lower(hex(agent)) AS owner, lower(hex(stream)) AS name, toString(meter) AS meter
    FROM ${database}.streams WHERE agent GLOBAL IN ${keySet(agents.map((agent) => [Uint8Array.fromHex(agent)]))}`,
  )
  const byAgent = Map.groupBy(rows, ({ owner }) => owner)
  return new Map(
    agents.map((agent) => [
      agent,
      new Map((byAgent.get(agent) ?? []).map(({ name, meter }) => [name, meter])),
    ]),
  )
}

/** The class of what nobody declared is not known, as of readings from before there were classes. */
function classesOf({ streamIds }: Columns, meters: ReadonlyMap<string, string> | undefined): string[] {
  return Array.from({ length: streamIds.length / STREAM_ID_BYTES }, (_, index) => {
    const name = streamIds.subarray(index * STREAM_ID_BYTES, (index + 1) * STREAM_ID_BYTES).toHex()
    const meter = meters?.get(name)
    return meter === undefined ? '' : classOf(meter)
  })
}
