import { create, toBinary } from '@bufbuild/protobuf'
import type { RegisterPage } from '@vouch/agent/reading/register-file.ts'
import type { Sealed, Spool, SpooledBatch, SpooledDefinition, SpoolLimits } from '@vouch/agent/spool/spool.ts'
import { SignedBatchSchema, StreamDefinitionSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Loss } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { fail, ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { peekHeader } from '@vouch/proto/seal/batch.ts'

interface Kept extends SpooledBatch {
  readonly bytes: number
}

/** Who is told what becomes durable and what is let go. */
export interface SpoolWatcher {
  readonly appended: (sealed: Sealed) => void
  readonly released: (batches: readonly SpooledBatch[]) => void
}

/** The agent's spool in memory: as the one on SQLite, and it can be copied, as a disk can. */
export class ModelSpool implements Spool {
  readonly losses: readonly Loss[]
  /** Whether the disk takes a batch. */
  hasRoom = (): boolean => true
  watcher: SpoolWatcher | undefined
  #bytesMax: number
  #batches: Kept[] = []
  #pages = new Map<number, Uint8Array>()
  #definitions: (SpooledDefinition & { readonly bytes: string })[] = []
  #meta = new Map<string, Uint8Array>()
  #order = 0

  constructor(bytesMax: number, losses: readonly Loss[] = []) {
    this.#bytesMax = bytesMax
    this.losses = losses
  }

  /** The same disk once more, or again after a restart: what was only to be said once is not said twice. */
  copy(): ModelSpool {
    const other = new ModelSpool(this.#bytesMax, this.#meta.has('last_digest') ? [] : this.losses)
    other.#batches = [...this.#batches]
    other.#pages = new Map(this.#pages)
    other.#definitions = [...this.#definitions]
    other.#meta = new Map(this.#meta)
    other.#order = this.#order
    return other
  }

  registerPages(): RegisterPage[] {
    return [...this.#pages].map(([number, bytes]) => ({ number, bytes }))
  }

  limit({ bytesMax }: SpoolLimits): void {
    this.#bytesMax = bytesMax
  }

  lastDigest(): Uint8Array {
    return this.meta('last_digest') ?? new Uint8Array()
  }

  append(sealed: Sealed): Result<void> {
    const bytes = toBinary(SignedBatchSchema, sealed.signed).length
    const used = this.usage().bytes
    if (!sealed.final && used + bytes > this.#bytesMax)
      return fail('SPOOL_FULL', `the spool holds ${used} octets`)
    if (!this.hasRoom()) return fail('DISK_FULL', 'the disk is full')
    this.#batches.push({ ...sealed, bytes })
    for (const { bytes: page, number } of sealed.registers) this.#pages.set(number, page.slice())
    for (const { id, ...declaration } of sealed.declared) {
      this.#define(create(StreamDefinitionSchema, { streamId: id, ...declaration }))
    }
    this.setMeta('last_digest', sealed.digest)
    this.watcher?.appended(sealed)
    return ok(undefined)
  }

  /** Digests of the batches that wait, hexadecimal. */
  waiting(): string[] {
    return this.#batches.map(({ digest }) => digest.toHex())
  }

  oldestRun(): Uint8Array | undefined {
    return this.#batches[0]?.runId
  }

  batches(runId: Uint8Array, after: bigint, limit: number): SpooledBatch[] {
    const own = this.#batches.filter(({ runId: run, sequence }) => same(run, runId) && sequence > after)
    return own.slice(0, limit)
  }

  digest(runId: Uint8Array, sequence: bigint): Uint8Array | undefined {
    return this.#batches.find((each) => same(each.runId, runId) && each.sequence === sequence)?.digest
  }

  release(runId: Uint8Array, upTo: bigint): Result<void> {
    if (!this.hasRoom()) return fail('DISK_FULL', 'the disk is full')
    const gone = this.#batches.filter(({ runId: run, sequence }) => same(run, runId) && sequence <= upTo)
    this.#batches = this.#batches.filter((each) => !gone.includes(each))
    this.watcher?.released(gone)
    return ok(undefined)
  }

  definitions(after: number, limit: number): SpooledDefinition[] {
    return this.#definitions.filter(({ order }) => order > after).slice(0, limit)
  }

  meta(key: string): Uint8Array | undefined {
    return this.#meta.get(key)
  }

  setMeta(key: string, value: Uint8Array): Result<void> {
    this.#meta.set(key, value)
    return ok(undefined)
  }

  usage(): { readonly batches: number; readonly bytes: number } {
    return {
      batches: this.#batches.length,
      bytes: this.#batches.reduce((sum, { bytes }) => sum + bytes, 0),
    }
  }

  oldestSealedMs(): number | undefined {
    const [oldest] = this.#batches
    if (oldest === undefined) return undefined
    return Number(unwrap(peekHeader(oldest.signed)).clock!.wallMs)
  }

  close(): void {
    this.watcher = undefined
  }

  #define(definition: SpooledDefinition['definition']): void {
    const bytes = toBinary(StreamDefinitionSchema, definition).toHex()
    if (this.#definitions.some((known) => known.bytes === bytes)) return
    const others = this.#definitions.filter((known) => !same(known.definition.streamId, definition.streamId))
    this.#definitions = [...others, { order: ++this.#order, definition, bytes }]
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
