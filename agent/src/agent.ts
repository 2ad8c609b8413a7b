import { setTimeout } from 'node:timers/promises'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { PolicySchema, SignedPolicySchema } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import type { Policy, SignedPolicy } from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { AgentConfig } from './config.ts'
import { checkPolicy, samplingAt } from './delivery/policy.ts'
import { startSender } from './grpc/sender.ts'
import type { Sender } from './grpc/sender.ts'
import { createSystemClock } from './host/clock.ts'
import type { Identity } from './host/identity.ts'
import { startMetrics } from './http/metrics.ts'
import type { Metrics } from './http/metrics.ts'
import { MeteringRun, factsOf } from './metering-run.ts'
import type { SealedBatch } from './metering-run.ts'
import type { Clock, Logger, Source, SourceFault } from './ports.ts'
import { createSources } from './sources.ts'
import type { Spool } from './spool/spool.ts'
import { enrolPatiently, openState, targetOf } from './state.ts'
import type { State } from './state.ts'
import { AGENT_VERSION } from './version.ts'

/** What an agent is made of. */
export interface AgentOptions {
  readonly config: AgentConfig
  readonly logger: Logger
  /** Enrolment token, where it does not come from the configured file. */
  readonly token?: string
  /** What to sample; by default this host. */
  readonly sources?: readonly Source[]
  readonly clock?: Clock
}

/** How an agent is doing. */
export interface AgentStatus {
  readonly agentId: Uint8Array
  readonly runId: Uint8Array
  readonly resource: string
  readonly spooledBatches: number
  readonly spooledBytes: number
  readonly pendingReadings: number
  /** Why nothing is being delivered; undefined while all is well. */
  readonly fault: Fault | undefined
  /** What is wrong with sources now. */
  readonly sourceFaults: readonly SourceFault[]
  /** Of this run. */
  readonly looks: number
  readonly readings: number
  /** Milliseconds since the last receipt; undefined before the first. */
  readonly receiptAgeMs: number | undefined
  /** Collector's clock less this host's at the last connection, milliseconds; undefined before the first. */
  readonly clockOffsetMs: number | undefined
}

/** A metering agent: by itself with `start`, or step by step. Failures are thrown as FaultError. */
export interface Agent {
  /** Takes the state directory, enrols if need be, and begins to deliver. Idempotent. */
  open(): Promise<void>
  /** Opens, then samples and seals at the configured cadence. */
  start(): Promise<void>
  /** Samples every source once. */
  sampleOnce(): Promise<void>
  /** Makes the readings so far durable. Faults: SPOOL_FULL, DISK_FULL. */
  sealBatch(): Result<SealedBatch | undefined>
  /** Whether every batch got its receipt within the time. */
  flush(timeoutMs: number): Promise<boolean>
  /** A last look, a final batch, and the time configured for its receipt. Undelivered batches stay in the spool. */
  stop(): Promise<void>
  /** Throws before `open`. */
  status(): AgentStatus
}

/** Makes an agent; nothing happens before `open` or `start`. */
export function createAgent(options: AgentOptions): Agent {
  return new HostAgent(options)
}

/** What exists between `open` and `stop`. */
interface Opened {
  readonly resource: string
  readonly identity: Identity
  readonly spool: Spool
  readonly run: MeteringRun
  readonly sender: Sender
  readonly metrics?: Metrics
}

class HostAgent implements Agent {
  readonly #options: AgentOptions
  readonly #clock: Clock
  readonly #stopping = new AbortController()
  #resting = new AbortController()
  #opening: Promise<Opened> | undefined
  #opened: Opened | undefined
  #loop: Promise<void> | undefined
  #batchIntervalMs: number
  /** The newest policy ever taken, also when it has expired: older ones are refused. */
  #policy: Policy | undefined

  constructor(options: AgentOptions) {
    this.#options = options
    this.#clock = options.clock ?? createSystemClock()
    this.#batchIntervalMs = options.config.batchIntervalMs
  }

  async open(): Promise<void> {
    this.#opening ??= this.#open()
    this.#opened = await this.#opening
  }

  async start(): Promise<void> {
    await this.open()
    this.#loop ??= this.#sampleAtCadence()
  }

  async sampleOnce(): Promise<void> {
    const { run, spool } = this.#state()
    this.#follow(run, spool)
    await run.look()
  }

  sealBatch(): Result<SealedBatch | undefined> {
    const { run, sender } = this.#state()
    const sealed = run.seal()
    sender.notify()
    return sealed
  }

  flush(timeoutMs: number): Promise<boolean> {
    return this.#state().sender.flush(timeoutMs)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#opening?.catch(() => undefined)
    await this.#loop
    if (this.#opened === undefined) return
    const { metrics, run, sender, spool } = this.#opened
    this.#opened = undefined
    await run.look()
    await run.stopSources()
    run.seal(true)
    sender.notify()
    await sender.flush(this.#options.config.stopTimeoutMs)
    await sender.stop()
    await metrics?.stop()
    spool.close()
  }

  status(): AgentStatus {
    const { identity, resource, run, sender, spool } = this.#state()
    const { batches, bytes } = spool.usage()
    return {
      agentId: identity.agentId,
      runId: run.runId,
      resource,
      spooledBatches: batches,
      spooledBytes: bytes,
      pendingReadings: run.pending,
      fault: sender.fault(),
      sourceFaults: run.faults(),
      looks: run.looks,
      readings: run.readings,
      ...sender.heard(),
    }
  }

  #state(): Opened {
    if (this.#opened === undefined) throw new Error('the agent is not open')
    return this.#opened
  }

  async #open(): Promise<Opened> {
    const { config, logger, token } = this.#options
    const state = unwrap(await openState(config, this.#clock.wallMs()))
    try {
      const known = unwrap(state.store.identity())
      const identity = known ?? (await enrolPatiently(state, config, logger, token, this.#stopping.signal))
      const opened = this.#assemble(state, identity)
      const { metricsListen } = config
      if (metricsListen === undefined) return opened
      return { ...opened, metrics: unwrap(await startMetrics(metricsListen, () => this.status())) }
    } catch (error) {
      state.spool.close()
      throw error
    }
  }

  #assemble({ files, resource, spool, store }: State, identity: Identity): Opened {
    const { config, logger } = this.#options
    const clock = this.#clock
    const made = (): Source[] =>
      createSources(config, { files, resource, clock, logger, facts: factsOf(spool) })
    let signer = unwrap(store.signer())
    const run = new MeteringRun(
      {
        agentId: identity.agentId,
        agentVersion: AGENT_VERSION,
        spool,
        clock,
        sources: this.#options.sources ?? made(),
        logger,
        signer: () => signer,
      },
      config.cadenceMs,
    )
    const keptPolicy = spool.meta('policy')
    if (keptPolicy !== undefined)
      this.#policy = fromBinary(PolicySchema, fromBinary(SignedPolicySchema, keptPolicy).policy)
    this.#follow(run, spool)
    const sender = startSender({
      target: targetOf(config),
      identity,
      runId: run.runId,
      agentVersion: AGENT_VERSION,
      spool,
      logger,
      backoff: { baseMs: config.retryBaseMs, capMs: config.retryMaxMs },
      answerTimeoutMs: config.answerTimeoutMs,
      refusedPauseMs: config.refusedPauseMs,
      wallMs: () => this.#clock.wallMs(),
      signer: () => signer,
      promoteKey: () => {
        const promoted = store.promote()
        signer = unwrap(store.signer())
        return promoted
      },
      onPolicy: (policy) => this.#adopt(policy, run, spool, identity),
    })
    logger.info({ agent: identity.agentId.toHex(), resource }, 'metering')
    return { resource, identity, spool, run, sender: unwrap(sender) }
  }

  #adopt(signed: SignedPolicy, run: MeteringRun, spool: Spool, identity: Identity): void {
    const { config, logger } = this.#options
    const newest = this.#policy
    const checked = checkPolicy(signed, identity.collectorPublicKey, newest, this.#clock.wallMs())
    if (!checked.ok) {
      logger.warn({ code: checked.fault.code }, checked.fault.message)
      return
    }
    const policy = checked.value
    const kept = spool.setMeta('policy', toBinary(SignedPolicySchema, signed))
    if (!kept.ok) {
      logger.warn({ code: kept.fault.code }, `policy ${policy.version} cannot be kept and is not used`)
      return
    }
    this.#policy = policy
    if (policy.version !== newest?.version && policy.cadenceMs < config.cadenceMinMs)
      logger.warn(
        { cadenceMs: policy.cadenceMs, cadenceMinMs: config.cadenceMinMs },
        `policy ${policy.version} asks for looks more often than VOUCH_AGENT_CADENCE_MIN_MS allows; that is used instead`,
      )
    this.#follow(run, spool)
  }

  /** Puts in force what holds now: a policy expires between two looks. */
  #follow(run: MeteringRun, spool: Spool): void {
    const now = samplingAt(this.#policy, this.#options.config, this.#clock.wallMs())
    if (run.policyVersion !== 0n && now.version === 0n)
      this.#options.logger.warn(
        {},
        `policy ${run.policyVersion} has expired; the settings of this agent hold`,
      )
    run.policyVersion = now.version
    if (run.cadenceMs !== now.cadenceMs) this.#resting.abort()
    run.cadenceMs = now.cadenceMs
    run.isOn = (name) => now.sources?.includes(name) ?? true
    this.#batchIntervalMs = now.batchIntervalMs
    spool.limit({ bytesMax: now.spoolBytesMax, ageMaxMs: now.spoolAgeMaxMs })
  }

  /** The first look is sealed at once, so that a crash soon after costs no counter its baseline. */
  async #sampleAtCadence(): Promise<void> {
    const { run, spool } = this.#state()
    let sealedMs = Number.NEGATIVE_INFINITY
    let nextMs = this.#clock.monotonicMs()
    while (!this.#stopping.signal.aborted) {
      this.#follow(run, spool)
      await run.look()
      const nowMs = this.#clock.monotonicMs()
      if (nowMs - sealedMs >= this.#batchIntervalMs - run.cadenceMs / 2) {
        sealedMs = nowMs
        this.sealBatch()
      }
      // Looks that were missed are not made up for: a burst would measure nothing new.
      while (nextMs <= nowMs) nextMs += run.cadenceMs
      if (!(await this.#pause(nextMs - nowMs))) nextMs = this.#clock.monotonicMs()
    }
  }

  /** False where it ended early: at a stop, or because a policy changed the cadence. */
  async #pause(ms: number): Promise<boolean> {
    this.#resting = new AbortController()
    const signal = AbortSignal.any([this.#stopping.signal, this.#resting.signal])
    return setTimeout(ms, true, { signal }).catch(() => false)
  }
}
