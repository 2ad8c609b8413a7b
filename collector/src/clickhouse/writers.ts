import { numbers } from '../ingest/native.ts'
import { block } from '../ingest/blocks.ts'
import type { TableBlock } from '../ingest/blocks.ts'
import { wordsOf } from '../ingest/words.ts'
import type { Queries } from './rows.ts'
import { everyReplica } from './topology.ts'
import type { Topology } from './topology.ts'

/** What is known of a writer: it may be writing, it writes no more, or nothing is left of it. Only goes up. */
const WRITER = { writing: 0, stopped: 1, whole: 2 }

/** A writer of which something may be left. */
export interface LeftWriter {
  readonly writer: Uint8Array
  /** Up to this commit everything that follows from its batches is stored. */
  readonly placed: bigint
}

/** Where writers are known. */
export interface WritersPlace {
  readonly queries: Queries
  readonly database: string
  readonly topology: Topology
}

/** A row of `writers`: rows of one writer merge to the furthest. */
export function writerBlock({ writer, placed }: LeftWriter, state: keyof typeof WRITER): TableBlock {
  return block('writers', 1, [
    numbers('writer', 'FixedString(16)', wordsOf(writer)),
    numbers('placed', 'UInt64', BigUint64Array.of(placed)),
    numbers('state', 'UInt8', Uint8Array.of(WRITER[state])),
  ])
}

/** Writers that are not whole and have stopped, or said nothing for so long by the store's clock. Throws a FaultError: STORE_…. */
export async function leftWriters(
  { queries, database, topology }: WritersPlace,
  silentMs: number,
): Promise<LeftWriter[]> {
  const rows = await queries.rows<{ name: string; last: string }>(
    `SELECT lower(hex(writer)) AS name, max(w.placed) AS last FROM ${everyReplica(topology, database, 'writers')} AS w GROUP BY writer
    HAVING max(w.state) = ${WRITER.stopped} OR (max(w.state) = ${WRITER.writing}
      AND ({silentMs:UInt64} = 0 OR abs(dateDiff('millisecond', max(w.at), now64(3))) >= {silentMs:UInt64}))
    ORDER BY max(w.at) SETTINGS skip_unavailable_shards = 1`,
    { silentMs },
  )
  return rows.map(({ name, last }) => ({ writer: Uint8Array.fromHex(name), placed: BigInt(last) }))
}
