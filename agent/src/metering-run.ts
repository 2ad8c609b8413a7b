import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import { ClockSchema, LossReason, LossSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Loss } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { sealBatch } from '@vouch/proto/seal/batch.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { encodeBody } from '@vouch/proto/wire/body.ts'
import type { Clock, Logger, Sample, Source } from './ports.ts'
import { buildColumns, thin } from './reading/batch-builder.ts'
import type { StreamReading } from './reading/batch-builder.ts'
import { MeterBook } from './reading/meter-book.ts'
import type { StreamDeclaration } from './reading/meter-book.ts'
import { nextMoment } from './reading/moment.ts'
import type { Timeline } from './reading/moment.ts'
import type { Spool } from './spool/spool.ts'

/** What a run of the agent works with. */
export interface MeteringOptions {
  /** 16 bytes. */
  readonly agentId: Uint8Array
  readonly agentVersion: string
  readonly spool: Spool
  readonly clock: Clock
  readonly sources: readonly Source[]
  readonly logger: Logger
  /** 16 bytes, new at every start; random by default. */
  readonly runId?: Uint8Array
  signer(): Signer
}

/** A batch that has become durable on this host. */
export interface SealedBatch {
  readonly sequence: bigint
  /** 32 bytes. */
  readonly digest: Uint8Array
  readonly readings: number
}

/** Readings held in memory at most; beyond, a batch is sealed early. */
const READINGS_MAX = 5000

/** Different faults of samples that are logged, each once. */
const FAULTS_LOGGED_MAX = 100

/** One run of the agent: from looks to sealed batches in the spool. */
export class MeteringRun {
  /** 16 bytes. */
  readonly runId: Uint8Array
  /** Time between two looks, milliseconds; a policy may change it. */
  cadenceMs: number
  /** Version of the policy in force; 0 = the agent's settings. */
  policyVersion = 0n
  readonly #options: MeteringOptions
  readonly #book: MeterBook
  readonly #busy = new Set<Source>()
  readonly #logged = new Set<string>()
  #looking = Promise.resolve()
  #timeline: Timeline | undefined
  #readings: readonly StreamReading[] = []
  #declared: StreamDeclaration[] = []
  #losses: readonly Loss[]
  #sequence = 0n
  #previousDigest: Uint8Array

  constructor(options: MeteringOptions, cadenceMs: number) {
    const { agentId, clock, spool } = options
    this.#options = options
    this.runId = options.runId ?? randomBytes(16)
    this.cadenceMs = cadenceMs
    this.#book = new MeterBook({ agentId, runId: this.runId, bootId: clock.bootId }, spool.states())
    this.#losses = spool.losses
    this.#previousDigest = spool.lastDigest()
  }

  /** Readings not sealed yet. */
  get pending(): number {
    return this.#readings.length
  }

  /** Samples every source once, looks one after another; what a look brings is durable only when sealed. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look())
    return this.#looking
  }

  async #look(): Promise<void> {
    const { clock, sources } = this.#options
    const now = {
      wallMs: clock.wallMs(),
      monotonicMs: clock.monotonicMs(),
      boottimeMs: clock.boottimeMs(),
    }
    // Two looks at one instant measure the same thing.
    if (now.monotonicMs === this.#timeline?.last?.monotonicMs) return
    const { timeline, moment } = nextMoment(this.#timeline, now, this.cadenceMs)
    this.#timeline = timeline
    const samples = (await Promise.all(sources.map((source) => this.#sample(source)))).flat()
    const { readings, declared, faults } = this.#book.observe(samples, moment)
    this.#readings = [...this.#readings, ...readings]
    this.#declared.push(...declared)
    for (const fault of faults) this.#logOnce(fault)
    if (this.#readings.length >= READINGS_MAX) this.seal()
  }

  /**
   * Signs what was read since the last batch and makes it durable, with the registers to go on from.
   * `undefined` = there is nothing to seal. Where the spool cannot take it (SPOOL_FULL, DISK_FULL), the
   * readings in between are dropped and declared lost; first and last readings stay for the next
   * attempt, so registers lose resolution, not quantity.
   */
  seal(final = false): Result<SealedBatch | undefined> {
    if (this.#readings.length === 0 && this.#losses.length === 0) return ok(undefined)
    const { agentId, agentVersion, clock, spool } = this.#options
    const { runId, policyVersion } = this
    const sequence = this.#sequence + 1n
    const sealedMs = clock.wallMs()
    const times = {
      wallMs: BigInt(sealedMs),
      monotonicMs: BigInt(clock.monotonicMs()),
      boottimeMs: BigInt(clock.boottimeMs()),
      bootId: clock.bootId,
    }
    const header = {
      agentId,
      runId,
      sequence,
      previousDigest: this.#previousDigest,
      clock: create(ClockSchema, times),
    }
    const body = encodeBody(buildColumns(this.#readings, this.#losses))
    const { signed, digest } = sealBatch(
      { ...header, agentVersion, policyVersion, final },
      body,
      this.#options.signer(),
    )
    const states = this.#book.states(this.#readings.map(({ streamId }) => streamId))
    const kept = spool.append({
      runId,
      sequence,
      digest,
      signed,
      sealedMs,
      states,
      declared: this.#declared,
      final,
    })
    if (!kept.ok) {
      this.#giveUpResolution(kept.fault)
      return kept
    }
    const readings = this.#readings.length
    this.#sequence = sequence
    this.#previousDigest = digest
    this.#readings = []
    this.#declared = []
    this.#losses = []
    return ok({ sequence, digest, readings })
  }

  #giveUpResolution(fault: Fault): void {
    this.#logOnce(fault)
    const { kept, dropped } = thin(this.#readings, READINGS_MAX)
    this.#readings = kept
    if (dropped.length === 0) return
    const reason = fault.code === 'DISK_FULL' ? LossReason.DISK_FULL : LossReason.SPOOL_FULL
    const before = this.#losses.find((loss) => loss.reason === reason)
    // Where the clock was set back meanwhile, the readings do not stand in the order of their times.
    const times = dropped.map(({ timeMs }) => timeMs)
    const loss = create(LossSchema, {
      fromMs: BigInt(Math.min(Number(before?.fromMs ?? times[0]), ...times)),
      toMs: BigInt(Math.max(Number(before?.toMs ?? 0n), ...times.map((timeMs) => timeMs + 1))),
      readings: (before?.readings ?? 0n) + BigInt(dropped.length),
      reason,
    })
    this.#losses = [...this.#losses.filter((each) => each !== before), loss]
  }

  /** A source that fails or takes longer than a cadence costs this look; one that still hangs is not asked again. */
  async #sample(source: Source): Promise<readonly Sample[]> {
    if (this.#busy.has(source)) return []
    this.#busy.add(source)
    const sampled = source.sample().finally(() => this.#busy.delete(source))
    const timer = new AbortController()
    const late = setTimeout(this.cadenceMs, undefined, timer).then(() => {
      throw new Error(`no answer in ${this.cadenceMs} ms`)
    })
    try {
      return await Promise.race([sampled, late])
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#options.logger.warn({ source: source.name }, `a source failed: ${why}`)
      return []
    } finally {
      timer.abort()
      late.catch(() => undefined)
      sampled.catch(() => undefined)
    }
  }

  #logOnce({ code, message }: Fault): void {
    const key = code === 'SPOOL_FULL' || code === 'DISK_FULL' ? code : message
    if (this.#logged.has(key) || this.#logged.size >= FAULTS_LOGGED_MAX) return
    this.#logged.add(key)
    this.#options.logger.warn({ code }, message)
  }
}
