import { randomBytes } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import { ClockSchema, LossReason, LossSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Loss } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { sealBatch } from '@vouch/proto/seal/batch.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { encodeBody } from '@vouch/proto/wire/body.ts'
import type { Clock, Facts, Logger, Look, Sample, Source, SourceFault } from './ports.ts'
import { buildColumns, thin } from './reading/batch-builder.ts'
import { MeterBook } from './reading/meter-book.ts'
import type { StreamDeclaration } from './reading/meter-book.ts'
import { ReadingBuffer } from './reading/reading-buffer.ts'
import { RegisterFile } from './reading/register-file.ts'
import { Timeline } from './reading/moment.ts'
import type { Instant } from './reading/moment.ts'
import { SourceRounds } from './source-rounds.ts'
import type { PlacedLook } from './source-rounds.ts'
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
  /** A batch has become durable. */
  onSealed?(): void
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
  /** Looks and readings of this run. */
  looks = 0
  readings = 0
  /** Which sources are asked, by name; a policy may change it. */
  isOn: (name: string) => boolean = () => true
  /** Names of the attributes that streams carry, undefined = all; a policy may change it. */
  dimensions: readonly string[] | undefined
  readonly #options: MeteringOptions
  readonly #registers: RegisterFile
  readonly #book: MeterBook
  readonly #rounds: SourceRounds
  readonly #timeline = new Timeline()
  readonly #logged = new Set<string>()
  #looking = Promise.resolve()
  #roundMs = Number.NEGATIVE_INFINITY
  #isFull = false
  #isStopped = false
  readonly #readings = new ReadingBuffer()
  #declared: StreamDeclaration[] = []
  #facts = new Map<string, string | undefined>()
  #ended: Uint8Array[] = []
  #losses: readonly Loss[]
  #sequence = 0n
  #previousDigest: Uint8Array

  constructor(options: MeteringOptions, cadenceMs: number) {
    const { agentId, clock, spool } = options
    this.#options = options
    this.runId = options.runId ?? randomBytes(16)
    this.cadenceMs = cadenceMs
    this.#registers = new RegisterFile(spool.registerPages())
    this.#book = new MeterBook({ agentId, runId: this.runId, bootId: clock.bootId }, this.#registers)
    this.#rounds = new SourceRounds(options.sources, options.logger)
    this.#losses = spool.losses
    this.#previousDigest = spool.lastDigest()
    for (const source of options.sources) source.handOver?.((look) => this.#take(source.name, look))
  }

  /** Readings not sealed yet. */
  get pending(): number {
    return this.#readings.length
  }

  /** What is wrong with the sources now. */
  faults(): SourceFault[] {
    return this.#rounds.faults()
  }

  /** Asks every source once, rounds one after another; what a round brings is durable only when sealed. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look())
    return this.#looking
  }

  /** Ends the sources; readings stay to be sealed. */
  stopSources(): Promise<void> {
    this.#isStopped = true
    return this.#rounds.stop()
  }

  /** Takes a look between two rounds; false where the source is not asked now. */
  #take(name: string, look: Look): boolean {
    if (this.#isStopped || !this.isOn(name)) return false
    this.#observe({ at: this.now(), track: name, cadenceMs: this.cadenceMs, ...look })
    this.#sealWhatIsMuch()
    return true
  }

  #sealWhatIsMuch(): void {
    // A spool that is full is so for the rest of the round.
    if (!this.#isFull && this.#readings.length >= READINGS_MAX) this.#isFull = !this.seal().ok
  }

  async #look(): Promise<void> {
    const now = this.now()
    // Two rounds at one instant measure the same thing.
    if (now.monotonicMs === this.#roundMs) return
    this.#roundMs = now.monotonicMs
    this.#isFull = false
    for (const looks of await this.#rounds.ask(this.isOn, now, this.cadenceMs)) {
      for (const look of looks) this.#observe(look)
      this.#sealWhatIsMuch()
    }
  }

  /** The instant on the agent's clocks. */
  now(): Instant {
    const { clock } = this.#options
    return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs(), boottimeMs: clock.boottimeMs() }
  }

  #observe({ at, track, cadenceMs, samples, ends, facts }: PlacedLook): void {
    const moment = this.#timeline.next(track, at, cadenceMs)
    let streams: readonly number[] = []
    if (moment !== undefined) {
      const before = this.#readings.length
      const { dimensions } = this
      const { declared, faults, seen } = this.#book.observe(
        dimensions === undefined ? samples : samples.map((each) => described(each, dimensions)),
        moment,
        this.#readings,
        track,
      )
      this.looks += 1
      this.readings += this.#readings.length - before
      this.#declared.push(...declared)
      for (const fault of faults) this.#logOnce(fault)
      streams = seen
    }
    if (ends === true) this.#end(track, streams)
    for (const [key, value] of facts ?? []) this.#facts.set(key, value)
  }

  #end(track: string, streams: readonly number[]): void {
    for (const stream of streams) this.#ended.push(this.#registers.id(stream))
    this.#book.end(track, streams)
    this.#timeline.end(track)
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
    const body = encodeBody(
      buildColumns(this.#readings, this.#losses, (stream, to, at) => this.#registers.putId(stream, to, at)),
    )
    const { signed, digest } = sealBatch(
      { ...header, agentVersion, policyVersion, final },
      body,
      this.#options.signer(),
    )
    const kept = spool.append({
      runId,
      sequence,
      digest,
      signed,
      sealedMs,
      registers: this.#registers.changed(),
      declared: this.#declared,
      ended: this.#ended,
      facts: new Map([...this.#facts].map(([key, value]) => [factKey(key), value])),
      final,
    })
    if (!kept.ok) {
      this.#giveUpResolution(kept.fault)
      return kept
    }
    const readings = this.#readings.length
    this.#sequence = sequence
    this.#previousDigest = digest
    this.#readings.clear()
    this.#declared = []
    this.#losses = []
    this.#facts = new Map()
    this.#ended = []
    this.#registers.settle()
    this.#options.onSealed?.()
    return ok({ sequence, digest, readings })
  }

  #giveUpResolution(fault: Fault): void {
    this.#logOnce(fault)
    const { kept, dropped } = thin([...this.#readings], READINGS_MAX)
    this.#readings.clear()
    for (const { epoch, register, spanMs, stream, timeMs } of kept)
      this.#readings.of(stream)(epoch, timeMs, register, spanMs)
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

  #logOnce({ code, message }: Fault): void {
    const key = code === 'SPOOL_FULL' || code === 'DISK_FULL' ? code : message
    if (this.#logged.has(key) || this.#logged.size >= FAULTS_LOGGED_MAX) return
    this.#logged.add(key)
    this.#options.logger.warn({ code }, message)
  }
}

/** A sample with the attributes of these names alone. */
function described(sample: Sample, names: readonly string[]): Sample {
  if (sample.attributes === undefined) return sample
  const kept = Object.entries(sample.attributes).filter(([name]) => names.includes(name))
  return { ...sample, attributes: Object.fromEntries(kept) }
}

/** The facts that sources kept with their readings. */
export function factsOf(spool: Spool): Facts {
  return (key) => {
    const bytes = spool.meta(factKey(key))
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
  }
}

/** Facts of sources stand among the spool's own under a prefix. */
function factKey(key: string): string {
  return `source/${key}`
}
