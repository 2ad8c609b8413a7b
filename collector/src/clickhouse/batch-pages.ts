import type { StoredBatch } from '../audit/check-batch.ts'
import type { Queries } from './rows.ts'

const RUNS_PER_PAGE = 1_000
const BATCHES_PER_PAGE = 2_000
/** Bodies have up to 4 MiB each. */
const BODIES_PER_PAGE = 32
const NO_ID = '0'.repeat(32)

/** A run of an agent, hexadecimal. */
export interface RunPlace {
  readonly agent: string
  readonly run: string
}

/** A stored batch with its body, hexadecimal; the body is empty where it was not asked for. */
export interface BatchRow extends StoredBatch {
  readonly body: string
  readonly first_ms: string
  readonly last_ms: string
  readonly received_ms: string
}

const id = (name: string): string => `toFixedString(unhex({${name}:String}), 16)`

/** Columns of a {@link BatchRow} as texts. */
export function batchColumns(withBody: boolean): string {
  return `lower(hex(agent)) AS agent, lower(hex(run)) AS run, sequence, lower(hex(digest)) AS digest,
    lower(hex(previous)) AS previous, lower(hex(key_id)) AS key, lower(hex(header)) AS header,
    lower(hex(SHA256(b.body))) AS body_digest, lower(hex(signature)) AS signature,
    ${withBody ? 'lower(hex(b.body))' : "''"} AS body,
    toUnixTimestamp64Milli(first_time) AS first_ms, toUnixTimestamp64Milli(last_time) AS last_ms,
    toUnixTimestamp64Milli(received) AS received_ms`
}

/** Every run that has a batch, by agent and run. */
export async function* allRuns(queries: Queries, database: string): AsyncGenerator<RunPlace> {
  let last: RunPlace | undefined
  for (;;) {
    const beyond =
      last === undefined
        ? ''
        : `WHERE a.agent >= ${id('agent')} AND (a.agent > ${id('agent')} OR a.run > ${id('run')})`
    const runs: RunPlace[] = await queries.rows<RunPlace>(
      `SELECT lower(hex(r.1)) AS agent, lower(hex(r.2)) AS run FROM
        (SELECT DISTINCT (agent, run) AS r FROM ${database}.batches AS a ${beyond} ORDER BY r LIMIT ${RUNS_PER_PAGE})`,
      last === undefined ? {} : { agent: last.agent, run: last.run },
    )
    yield* runs
    if (runs.length < RUNS_PER_PAGE) return
    last = runs.at(-1)!
  }
}

/** The batches of a run by sequence, in pages. */
export async function* batchPages(
  queries: Queries,
  database: string,
  { agent, run }: RunPlace,
  withBody = false,
): AsyncGenerator<readonly BatchRow[]> {
  const limit = withBody ? BODIES_PER_PAGE : BATCHES_PER_PAGE
  let [sequence, digest] = ['0', NO_ID + NO_ID]
  for (;;) {
    const rows: BatchRow[] = await queries.rows<BatchRow>(
      `SELECT ${batchColumns(withBody)} FROM ${database}.batches AS b FINAL
      WHERE b.agent = ${id('agent')} AND b.run = ${id('run')} AND b.sequence >= {sequence:UInt64}
        AND (b.sequence > {sequence:UInt64} OR b.digest > toFixedString(unhex({digest:String}), 32))
      ORDER BY b.sequence, b.digest LIMIT ${limit}`,
      { agent, run, sequence, digest },
    )
    if (rows.length > 0) yield rows
    if (rows.length < limit) return
    ;({ sequence, digest } = rows.at(-1)!)
  }
}
