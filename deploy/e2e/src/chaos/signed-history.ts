import type { Engine } from '@vouch/clickhouse'
import { create } from '@bufbuild/protobuf'
import { SignedBatchSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { openBatch } from '@vouch/proto/seal/batch.ts'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import type { SignedReading } from './truth.ts'

/** A batch of the archive, its signature checked. */
export interface ArchivedBatch {
  readonly runId: string
  readonly sequence: bigint
  readonly digest: string
  readonly previous: string
  readonly final: boolean
  readonly readings: readonly SignedReading[]
}

/** Where a database stands after a run. */
export interface Stored {
  /** Every archived batch, opened with the agent's public key. */
  readonly batches: readonly ArchivedBatch[]
  /** Rows of the readings view, as text, sorted. */
  readonly rows: readonly string[]
  /** Streams as declared: id, resource, meter, unit. */
  readonly streams: readonly {
    readonly id: string
    readonly resource: string
    readonly meter: string
    readonly unit: string
  }[]
  /** Batches set aside, and losses admitted. */
  readonly quarantined: readonly string[]
  readonly losses: number
}

type Client = Awaited<ReturnType<Engine['connect']>>
const QUOTED = 'SETTINGS output_format_json_quote_64bit_integers = 1'

/**
 * Reads what a collector's database has of the agent with a key; of everything, where the agent is alone. Throws
 * where an archived batch is not what the key signed, or not where.
 */
export async function readStored(
  client: Client,
  database: string,
  publicKey: Uint8Array,
  among: 'alone' | 'several' = 'alone',
): Promise<Stored> {
  const own = `WHERE agent IN (SELECT agent FROM ${database}.agent_keys_v1 WHERE public_key = unhex('${publicKey.toHex()}'))`
  const [ofAgent, ofStreams] =
    among === 'alone' ? ['', ''] : [own, `WHERE stream IN (SELECT stream FROM ${database}.streams_v1 ${own})`]
  const rowsOf = async (sql: string): Promise<Record<string, string>[]> =>
    (await client.query({ query: `${sql} ${QUOTED}`, format: 'JSONEachRow' })).json<Record<string, string>>()
  const bytes = (names: readonly string[]): string =>
    names.map((name) => `lower(hex(${name})) AS ${name}Hex`).join(', ')
  const batches = await rowsOf(
    `SELECT ${bytes(['header', 'body', 'signature', 'key_id', 'run', 'digest', 'previous'])}, toString(sequence) AS place FROM ${database}.batches_v1 ${ofAgent}`,
  )
  const rows = await rowsOf(
    `SELECT lower(hex(stream)) AS id, epoch, toString(toUnixTimestamp64Milli(time)) AS at, register, toString(span_ms) AS span FROM ${database}.readings_v1 ${ofStreams}`,
  )
  const streams = await rowsOf(
    `SELECT lower(hex(stream)) AS id, resource, meter, unit FROM ${database}.streams_v1 ${ofAgent}`,
  )
  const quarantined = await rowsOf(`SELECT code, message FROM ${database}.quarantine ${ofAgent}`)
  const losses = await rowsOf(`SELECT 1 AS one FROM ${database}.losses_v1 ${ofAgent}`)
  return {
    batches: batches.map((row) => openArchived(row, publicKey)),
    rows: rows
      .map(({ id, epoch, at, register, span }) => `${id} ${epoch} ${at} ${register} ${span}`)
      .toSorted(),
    streams: streams.map(({ id = '', resource = '', meter = '', unit = '' }) => ({
      id,
      resource,
      meter,
      unit,
    })),
    quarantined: quarantined.map(({ code, message }) => `${code}: ${message}`),
    losses: losses.length,
  }
}

/** A reading as `Stored.rows` writes it. */
export function rowOf({ stream, epoch, timeMs, register, spanMs }: SignedReading): string {
  return `${stream} ${epoch} ${timeMs} ${register} ${spanMs}`
}

function openArchived(row: Record<string, string>, publicKey: Uint8Array): ArchivedBatch {
  const bytes = (name: string): Uint8Array => Uint8Array.fromHex(row[`${name}Hex`] ?? '')
  const signed = create(SignedBatchSchema, {
    header: bytes('header'),
    body: bytes('body'),
    signature: bytes('signature'),
    keyId: bytes('key_id'),
  })
  const { header, digest, body } = unwrap(openBatch(signed, publicKey))
  // The first batch of an agent has none before it; the column then holds zeros.
  const previous = header.previousDigest.toHex().padEnd(64, '0')
  const place = [header.runId.toHex(), `${header.sequence}`, digest.toHex(), previous].join(' ')
  const stored = [row['runHex'], row['place'], row['digestHex'], row['previousHex']].join(' ')
  if (place !== stored) throw new Error(`a batch stands at ${stored}, and was signed for ${place}`)
  return {
    runId: header.runId.toHex(),
    sequence: header.sequence,
    digest: digest.toHex(),
    previous: header.previousDigest.toHex(),
    final: header.final,
    readings: readingsOf(body),
  }
}

function readingsOf(body: Uint8Array): SignedReading[] {
  const columns = unwrap(decodeBody(body))
  let row = 0
  return [...columns.segmentRows].flatMap((rows, segment) => {
    const at = (columns.segmentStream[segment] ?? 0) * 16
    const stream = columns.streamIds.subarray(at, at + 16).toHex()
    const epoch = columns.segmentEpoch[segment] ?? 0n
    return Array.from({ length: rows }, (): SignedReading => {
      const [time = 0n, register = 0n, spanMs = 0] = [
        columns.timeMs[row],
        columns.register[row],
        columns.spanMs[row],
      ]
      row += 1
      return { stream, epoch, timeMs: Number(time), register, spanMs }
    })
  })
}
