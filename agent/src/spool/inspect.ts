import { DatabaseSync } from 'node:sqlite'
import { readdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { create, fromBinary } from '@bufbuild/protobuf'
import { sizeDelimitedEncode } from '@bufbuild/protobuf/wire'
import { SignedBatchSchema, StreamDefinitionSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { AgentFrameSchema, StreamDefinitionsSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { openBatch, peekHeader } from '@vouch/proto/seal/batch.ts'
import { keyId } from '@vouch/proto/seal/seal.ts'
import { openFault, rowOf } from './sqlite.ts'
import type { Row } from './sqlite.ts'
import { batchSum, pageSum, rowSum } from './rows.ts'
import { SPOOL_VERSION } from './schema.ts'

/** A spool that is looked at and not changed, while no agent runs on it. */
export interface Inspection {
  readonly batches: number
  /** Octets. */
  readonly bytes: number
  /** Epoch milliseconds; undefined = none waits. */
  readonly oldestSealedMs: number | undefined
  /** Losses that the next batch will admit. */
  readonly losses: number
  /** Names of files beside it with what could not be read. */
  readonly setAside: readonly string[]
  /** What is wrong in it, a line each, and what could not be checked. */
  verify(publicKey: Uint8Array): { readonly findings: string[]; readonly unchecked: string[] }
  /** The definitions, then the batches in the order of their sealing: AgentFrame messages, each after its size as a varint. */
  frames(): Iterable<Uint8Array>
  close(): void
}

/** Opens a spool read-only. Faults: DATA_DIRECTORY_LOCKED, DATA_DIRECTORY_NEWER, DATA_DIRECTORY_UNWRITABLE, SPOOL_CORRUPT. */
export function inspectSpool(path: string): Result<Inspection> {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: 0 })
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
    if (version === SPOOL_VERSION) return ok(inspectionOf(db, path))
    db.close()
    if (version > SPOOL_VERSION)
      return fail('DATA_DIRECTORY_NEWER', `${path} has version ${version}, this agent reads ${SPOOL_VERSION}`)
    return fail(
      'UNSUPPORTED',
      `${path} has version ${version}; start the agent once, it brings the spool to ${SPOOL_VERSION}`,
    )
  } catch (error) {
    if (db?.isOpen === true) db.close()
    return openFault(path, error)
  }
}

function inspectionOf(db: DatabaseSync, path: string): Inspection {
  const rows = (sql: string): Row[] => db.prepare(sql).all().map(rowOf)
  const [sum] = rows('SELECT count(*) AS batches, coalesce(sum(length(signed)), 0) AS bytes FROM batches')
  const beside = `${basename(path)}.`
  const isAside = (name: string): boolean => name.startsWith(beside) && /\.(?:corrupt|unreadable)-/.test(name)
  return {
    batches: sum?.integer('batches') ?? 0,
    bytes: sum?.integer('bytes') ?? 0,
    oldestSealedMs: rows('SELECT sealed_ms FROM batches ORDER BY id LIMIT 1')[0]?.integer('sealed_ms'),
    losses: rows('SELECT count(*) AS losses FROM losses')[0]?.integer('losses') ?? 0,
    setAside: readdirSync(dirname(path)).filter(isAside).toSorted(),
    verify: (publicKey) => verifySpool(rows, db, publicKey),
    frames: () => framesOf(db),
    close: () => db.close(),
  }
}

type Rows = (sql: string) => Row[]

function verifySpool(rows: Rows, db: DatabaseSync, publicKey: Uint8Array): ReturnType<Inspection['verify']> {
  const findings: string[] = []
  const unchecked: string[] = []
  for (const row of rows('PRAGMA integrity_check(10)')) {
    const text = row.text('integrity_check')
    if (text !== 'ok') findings.push(`pages: ${text}`)
  }
  findings.push(...damagedRows(rows))
  let last: { readonly run: string; readonly sequence: bigint; readonly digest: Uint8Array } | undefined
  const batches =
    db.prepare(`SELECT run, CAST(sequence AS TEXT) AS sequence, CAST(sealed_ms AS TEXT) AS sealed,
    digest, signed, coalesce(sum, x'') AS sum FROM batches ORDER BY id`)
  for (const row of batches.iterate()) {
    const batch = rowOf(row)
    const [run, sequence] = [batch.bytes('run').toHex(), BigInt(batch.text('sequence'))]
    const name = `batch ${sequence} of run ${run}`
    const digest = batch.bytes('digest')
    const sum = batch.bytes('sum')
    if (sum.length > 0 && !equalBytes(sum, batchSum(batch)))
      findings.push(`${name}: its row is not what was written`)
    const problem = problemOf(batch, publicKey, last)
    if (problem.finding !== undefined) findings.push(`${name}: ${problem.finding}`)
    if (problem.unchecked !== undefined) unchecked.push(`${name}: ${problem.unchecked}`)
    if (last?.run === run && sequence !== last.sequence + 1n)
      findings.push(`${name}: follows ${last.sequence}, the batches between are missing`)
    last = { run, sequence, digest }
  }
  const kept = rows("SELECT value FROM meta WHERE key = 'last_digest'")[0]?.bytes('value')
  if (last !== undefined && kept !== undefined && !equalBytes(kept, last.digest))
    findings.push('the last batch is not the one that the spool kept last')
  return { findings, unchecked }
}

function problemOf(
  batch: Row,
  publicKey: Uint8Array,
  last: { readonly digest: Uint8Array } | undefined,
): { readonly finding?: string; readonly unchecked?: string } {
  let signed
  try {
    signed = fromBinary(SignedBatchSchema, batch.bytes('signed'))
  } catch {
    return { finding: 'it is no SignedBatch message' }
  }
  const header = peekHeader(signed)
  if (!header.ok) return { finding: header.fault.message }
  if (last !== undefined && !equalBytes(header.value.previousDigest, last.digest))
    return { finding: 'it does not name the digest of the batch before it' }
  if (!equalBytes(signed.keyId, keyId(publicKey)))
    return { unchecked: `signed by key ${signed.keyId.toHex()}, which is not in force any more` }
  const opened = openBatch(signed, publicKey)
  if (!opened.ok) return { finding: opened.fault.message }
  if (!equalBytes(opened.value.digest, batch.bytes('digest'))) return { finding: 'its digest is another one' }
  return {}
}

function damagedRows(rows: Rows): string[] {
  const isDamaged = (row: Row, own: Uint8Array): boolean => {
    const sum = row.bytes('sum')
    return sum.length > 0 && !equalBytes(sum, own)
  }
  const meta = rows("SELECT key, value, coalesce(sum, x'') AS sum FROM meta")
  const losses = rows("SELECT loss, coalesce(sum, x'') AS sum FROM losses")
  const streams = rows("SELECT stream, definition, coalesce(sum, x'') AS sum FROM streams")
  const pages = rows('SELECT page, content, sum FROM registers')
  const damaged = {
    facts: meta.filter((row) => isDamaged(row, rowSum(row.text('key'), row.bytes('value')))),
    losses: losses.filter((row) => isDamaged(row, rowSum(row.bytes('loss')))),
    definitions: streams.filter((row) =>
      isDamaged(row, rowSum(row.bytes('stream'), row.bytes('definition'))),
    ),
    'pages of registers': pages.filter((row) =>
      isDamaged(row, pageSum(row.integer('page'), row.bytes('content'))),
    ),
  }
  return Object.entries(damaged).flatMap(([name, found]) =>
    found.length > 0 ? [`${name}: ${found.length} rows are not what was written`] : [],
  )
}

function* framesOf(db: DatabaseSync): Generator<Uint8Array> {
  const frame = (kind: Parameters<typeof create<typeof AgentFrameSchema>>[1]): Uint8Array =>
    sizeDelimitedEncode(AgentFrameSchema, create(AgentFrameSchema, kind))
  for (const row of db.prepare('SELECT definition FROM streams ORDER BY id').iterate()) {
    const streams = [fromBinary(StreamDefinitionSchema, rowOf(row).bytes('definition'))]
    yield frame({ kind: { case: 'definitions', value: create(StreamDefinitionsSchema, { streams }) } })
  }
  for (const row of db.prepare('SELECT signed FROM batches ORDER BY id').iterate())
    yield frame({ kind: { case: 'batch', value: fromBinary(SignedBatchSchema, rowOf(row).bytes('signed')) } })
}
