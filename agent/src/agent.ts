import { setTimeout } from 'node:timers/promises'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { AgentConfig } from './config.ts'
import { rotateOver, startDelivery } from './courier.ts'
import { KeyTender } from './key-tender.ts'
import { PolicyKeeper } from './policy-keeper.ts'
import type { Sender } from './grpc/delivery.ts'
import { createSystemClock } from './host/clock.ts'
import type { Identity } from './host/identity.ts'
import { startMetrics } from './http/metrics.ts'
import type { Metrics } from './http/metrics.ts'
import { MeteringRun, factsOf } from './metering-run.ts'
import type { SealedBatch } from './metering-run.ts'
import type { Clock, Logger, Source, SourceFault } from './ports.ts'
import { createSources, stopSources } from './sources.ts'
import type { Spool } from './spool/spool.ts'
import { enrolPatiently, openState } from './state.ts'
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
  /** Where collectors dial it; undefined where it dials. */
  readonly listensOn: string | undefined
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
  readonly policies: PolicyKeeper
  readonly keys: KeyTender
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
    const { policies, run, spool } = this.#state()
    this.#follow(run, spool, policies)
    await run.look()
  }

  sealBatch(): Result<SealedBatch | undefined> {
    return this.#state().run.seal()
  }

  flush(timeoutMs: number): Promise<boolean> {
    return this.#state().sender.flush(timeoutMs)
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#opening?.catch(() => undefined)
    await this.#loop
    if (this.#opened === undefined) return
    const { keys, metrics, run, sender, spool } = this.#opened
    this.#opened = undefined
    await keys.settled()
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
      listensOn: sender.address,
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
    let sources: readonly Source[] = []
    try {
      const known = unwrap(state.store.identity())
      const identity = known ?? (await enrolPatiently(state, config, logger, token, this.#stopping.signal))
      sources = this.#options.sources ?? (await this.#sources(state))
      const opened = await this.#assemble(state, identity, sources)
      const { metricsListen } = config
      if (metricsListen === undefined) return opened
      return { ...opened, metrics: unwrap(await startMetrics(metricsListen, () => this.status())) }
    } catch (error) {
      await stopSources(sources)
      state.spool.close()
      throw error
    }
  }

  #sources({ files, resource, spool }: State): Promise<Source[]> {
    const { config, logger } = this.#options
    return createSources(config, { files, resource, clock: this.#clock, logger, facts: factsOf(spool) })
  }

  async #assemble(
    { resource, spool, store }: State,
    identity: Identity,
    sources: readonly Source[],
  ): Promise<Opened> {
    const { config, logger } = this.#options
    const clock = this.#clock
    const { stateDir, keyAgeMaxMs: ageMaxMs } = config
    const { agentId, collectorPublicKey } = identity
    const wallMs = (): number => clock.wallMs()
    const keys = new KeyTender({
      store,
      stateDir,
      ageMaxMs,
      logger,
      wallMs,
      rotate: (...pair) => rotateOver(config, agentId, sender, pair),
    })
    const run = new MeteringRun(
      {
        agentId,
        agentVersion: AGENT_VERSION,
        spool,
        clock,
        sources,
        logger,
        signer: () => keys.signer,
        onSealed: () => this.#opened?.sender.notify(),
      },
      config.cadenceMs,
    )
    const policies = new PolicyKeeper({
      config,
      spool,
      collectorPublicKey,
      logger,
      wallMs,
    })
    this.#follow(run, spool, policies)
    const sender: Sender = unwrap(
      await startDelivery(config, {
        identity,
        runId: run.runId,
        spool,
        logger,
        wallMs,
        signer: () => keys.signer,
        followingSigner: () => keys.following,
        promoteKey: () => keys.promote(),
        onPolicy: (policy) => {
          policies.adopt(policy)
          this.#follow(run, spool, policies)
        },
      }),
    )
    logger.info({ agent: agentId.toHex(), resource }, 'metering')
    return { resource, identity, spool, run, policies, keys, sender }
  }

  /** Puts in force what holds now. */
  #follow(run: MeteringRun, spool: Spool, policies: PolicyKeeper): void {
    const now = policies.now()
    run.policyVersion = now.version
    if (run.cadenceMs !== now.cadenceMs) this.#resting.abort()
    run.cadenceMs = now.cadenceMs
    run.isOn = (name) => now.sources?.includes(name) ?? true
    run.dimensions = now.dimensions
    this.#batchIntervalMs = now.batchIntervalMs
    spool.limit({ bytesMax: now.spoolBytesMax, ageMaxMs: now.spoolAgeMaxMs })
  }

  /**
   * The first look is sealed at once, so that a crash soon after costs no counter its baseline; the next ones soon,
   * each after twice as long up to the interval, so that whoever has just installed an agent sees its usage.
   */
  async #sampleAtCadence(): Promise<void> {
    const { keys, policies, run, spool } = this.#state()
    let [sealedMs, intervalMs] = [Number.NEGATIVE_INFINITY, 0]
    let nextMs = this.#clock.monotonicMs()
    while (!this.#stopping.signal.aborted) {
      this.#follow(run, spool, policies)
      keys.tend()
      await run.look()
      const nowMs = this.#clock.monotonicMs()
      if (nowMs - sealedMs >= Math.min(intervalMs, this.#batchIntervalMs) - run.cadenceMs / 2) {
        sealedMs = nowMs
        intervalMs = Math.min(this.#batchIntervalMs, Math.max(run.cadenceMs, 2 * intervalMs))
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
