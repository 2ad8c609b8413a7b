import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { barredFault } from '../fleet/barred.ts'
import type { PullRegistry, PullState, PullTarget } from '../fleet/pull-ports.ts'
import type { Clock, Hex, Logger } from '../ports.ts'
import { Pulled } from './pulled.ts'
import type { PulledDeps } from './pulled.ts'
import type { Sessions } from './sessions.ts'

/** What the dialling of a fleet works with. */
export interface PullerDeps extends Omit<PulledDeps, 'mayDial' | 'turn' | 'changed'> {
  readonly registry: PullRegistry
  readonly sessions: Sessions
  readonly logger: Logger
  readonly telemetry: PullTelemetry
  readonly clock: Clock
  /** This process, told from every other. */
  readonly holder: string
  /** After so long without a word another collector dials; milliseconds. */
  readonly leaseMs: number
  /** Most agents. */
  readonly agentsMax: number
}

/** What happens, counted. */
export interface PullTelemetry {
  /** So many agents are this collector's to dial, and so many of them are connected. */
  readonly pulled: (agents: number, connected: number) => void
  /** A connection was not made, or broke, under a fault code. */
  readonly failed: (code: string) => void
}

/** Words to the registry within a lease: two may be lost. */
const WORDS = 3
/** Agents that are dialled at once and have not shown yet who they are. */
const DIALLING_MAX = 64
/** Given to other collectors in one round. */
const GIVEN_MAX = 100
/** Why a wait ends early; without a reason of our own an exception is made for each. */
const STOPPED = 'stopped'

/** Dials the agents that are this collector's to dial, and finds out which those are. */
export class Puller {
  readonly #deps: PullerDeps
  readonly #pulled = new Map<Hex, Pulled>()
  /** How it goes with each, as it was told last: code and message, or nothing while it is connected. */
  readonly #told = new Map<Hex, string>()
  /** What the registry does not know yet. */
  readonly #news = new Map<Hex, PullState>()
  readonly #stopping = new AbortController()
  readonly #queue: (() => void)[] = []
  #dialling = 0
  #leaseEndsMs = 0
  #failure: Fault['code'] | undefined
  #rounds: Promise<void> | undefined

  constructor(deps: PullerDeps) {
    this.#deps = deps
  }

  /** Begins. */
  start(): void {
    this.#rounds ??= this.#run()
  }

  /** Dials nobody any more; connections are left to those who drain them. */
  async cease(): Promise<void> {
    this.#stopping.abort(STOPPED)
    for (const pulled of this.#pulled.values()) pulled.cease()
    await this.#rounds
  }

  /** After {@link cease}: gives everything to the other collectors. */
  async leave(): Promise<void> {
    await this.#deps.registry.leave(this.#deps.holder)
  }

  async #run(): Promise<void> {
    const { clock, leaseMs, logger } = this.#deps
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const round = await this.#round()
      if (!round.ok && round.fault.code !== this.#failure)
        logger.warn({ fault: round.fault }, 'not known which agents to dial; connections stay')
      this.#failure = round.ok ? undefined : round.fault.code
      await clock.sleep(Math.ceil(leaseMs / WORDS), signal)
    }
  }

  async #round(): Promise<Result<void>> {
    const { registry, holder, leaseMs, agentsMax, clock } = this.#deps
    const askedMs = clock.now()
    const share = await registry.renew(holder, leaseMs, agentsMax)
    if (!share.ok) return share
    this.#leaseEndsMs = askedMs + leaseMs
    this.#follow(share.value.targets)
    const given = await this.#give(share.value.surplus)
    return given.ok ? this.#tell() : given
  }

  /** Dials what is new, and lets go of what is not this collector's any more. */
  #follow(targets: readonly PullTarget[]): void {
    const byId = new Map(targets.map((target) => [target.agentId, target]))
    for (const [agentId, pulled] of this.#pulled) {
      const target = byId.get(agentId)
      if (target?.state === 'active' && target.address === pulled.target.address) continue
      // An agent that was barred is told so, over whatever connection it has here.
      if (target !== undefined && target.state !== 'active') {
        pulled.cease()
        this.#deps.sessions.end(agentId, barredFault(target.state))
      }
      this.#drop(agentId, pulled)
    }
    for (const target of targets)
      if (target.state === 'active' && !this.#pulled.has(target.agentId))
        this.#pulled.set(target.agentId, new Pulled(target, this.#pulledDeps()))
    this.#count()
  }

  async #give(surplus: number): Promise<Result<void>> {
    const { registry, holder, clock, leaseMs } = this.#deps
    const given = [...this.#pulled].slice(0, Math.min(surplus, GIVEN_MAX))
    if (given.length === 0) return { ok: true, value: undefined }
    for (const [agentId, pulled] of given) this.#drop(agentId, pulled)
    // A connection whose receipts the stores keep waiting must not cost the lease of all others.
    const patience = clock.sleep(Math.ceil(leaseMs / WORDS), this.#stopping.signal)
    await Promise.race([Promise.all(given.map(([, { done }]) => done)), patience])
    const names = given.map(([agentId]) => agentId)
    return registry.release(holder, names)
  }

  async #tell(): Promise<Result<void>> {
    const { registry, holder } = this.#deps
    const states = [...this.#news.values()]
    if (states.length === 0) return { ok: true, value: undefined }
    const noted = await registry.note(holder, states)
    if (noted.ok)
      for (const state of states)
        if (this.#news.get(state.agentId) === state) this.#news.delete(state.agentId)
    return noted
  }

  #drop(agentId: Hex, pulled: Pulled): void {
    pulled.stop()
    this.#pulled.delete(agentId)
    this.#told.delete(agentId)
    this.#news.delete(agentId)
  }

  #pulledDeps(): PulledDeps {
    const { clock } = this.#deps
    return {
      ...this.#deps,
      mayDial: () => clock.now() < this.#leaseEndsMs,
      turn: () => this.#turn(),
      changed: (target, fault) => this.#changed(target, fault),
    }
  }

  /** Says so once, however often it comes out the same. */
  #changed(target: PullTarget, fault: Fault | undefined): void {
    const { logger, telemetry } = this.#deps
    const { agentId, address } = target
    if (fault !== undefined) telemetry.failed(fault.code)
    const isMine = this.#pulled.get(agentId)?.target === target
    const told = fault === undefined ? '' : `${fault.code}: ${fault.message}`
    if (!isMine || this.#told.get(agentId) === told) return
    this.#told.set(agentId, told)
    this.#news.set(agentId, { agentId, fault })
    if (fault === undefined) logger.info({ agent: agentId, address }, 'agent pulled')
    else logger.warn({ agent: agentId, address, fault }, 'agent not pulled')
    this.#count()
  }

  #count(): void {
    const connected = [...this.#told.values()].filter((told) => told === '').length
    this.#deps.telemetry.pulled(this.#pulled.size, connected)
  }

  async #turn(): Promise<() => void> {
    if (this.#dialling >= DIALLING_MAX) await new Promise<void>((resolve) => this.#queue.push(resolve))
    else this.#dialling++
    let isDone = false
    return () => {
      if (isDone) return
      isDone = true
      const next = this.#queue.shift()
      if (next === undefined) this.#dialling--
      else next()
    }
  }
}
