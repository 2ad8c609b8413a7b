import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { barredFault } from '../fleet/barred.ts'
import type { Fleet, FleetTotals } from '../fleet/ports.ts'
import type { Clock, Hex, Logger } from '../ports.ts'
import type { Sessions } from './sessions.ts'

/** What the watch over the fleet works with. */
export interface FleetWatchDeps {
  readonly fleet: Fleet
  readonly sessions: Sessions
  readonly logger: Logger
  readonly clock: Clock
  /** This collector, for operators and for telling it from others: its host and port. */
  readonly collector: string
  /** An active agent that is not seen for so long is silent, milliseconds. */
  readonly silentAfterMs: number
  readonly onTotals: (totals: FleetTotals) => void
  /** Which of these agents have two batches in one place of their chain, among those received since. */
  readonly forks: (agentIds: readonly Hex[], sinceMs: number) => Promise<Result<readonly Hex[]>>
}

/** Batches of a suspect are looked at so far back, twice; and it stays one for a while, milliseconds. */
const SUSPICION_MS = 600_000
const SUSPECT_AGAIN_MS = 60_000
const FORKED =
  'two collectors took different batches for one place in the chain of this agent; look for a clone'
/** Suspects of one round; the others' turn comes with the next ones. */
const SUSPECTS_MAX = 500

/**
 * Keeps registry and connections in step, round by round: reports what was heard of agents, ends the
 * connections of those that were barred, here or elsewhere, and raises alarms.
 */
export class FleetWatch {
  readonly #deps: FleetWatchDeps
  #round: Promise<void> | undefined
  /** Agents that two collectors had to do with within a short time, and since when this one knows. */
  readonly #suspects = new Map<Hex, number>()
  /** Since when every round has succeeded: before that nobody can be said to be silent. */
  #watchingSinceMs: number | undefined

  constructor(deps: FleetWatchDeps) {
    this.#deps = deps
  }

  /** One round, or the one under way. Never rejects. */
  round(): Promise<void> {
    this.#round ??= this.#look()
      .catch((error: unknown) =>
        this.#deps.logger.error({ err: error }, 'the watch over the fleet broke off'),
      )
      .finally(() => {
        this.#round = undefined
      })
    return this.#round
  }

  async #look(): Promise<void> {
    const fault =
      (await this.#report()) ?? (await this.#audit()) ?? (await this.#alarm()) ?? (await this.#count())
    if (fault === undefined) return
    this.#watchingSinceMs = undefined
    this.#deps.logger.warn({ fault }, 'fleet not checked')
  }

  async #report(): Promise<Fault | undefined> {
    const { fleet, sessions, clock, collector } = this.#deps
    const nowMs = clock.now()
    const report = sessions.report()
    const news = await fleet.report({ ...report, collector, nowMs })
    if (!news.ok) return news.fault
    sessions.reported(report.observations)
    this.#watchingSinceMs ??= nowMs
    for (const { agentId, state, ...changes } of news.value.agents) {
      if (state === 'active') sessions.refresh(agentId, changes)
      else sessions.end(agentId, barredFault(state))
    }
    // A collector that died may have told nobody what it took.
    for (const agentId of [...news.value.elsewhere, ...sessions.takeInherited()]) {
      // Whoever is in line keeps its place, or those at the head would be asked about for ever.
      if (this.#suspects.has(agentId) || this.#suspects.size < sessions.streamsMax)
        this.#suspects.set(agentId, nowMs)
    }
    return undefined
  }

  /**
   * Two collectors that take different batches for one place at the same moment cannot see each other's.
   * An agent that both hear of, or that comes with a history from elsewhere, has moved, which is fine, or there
   * are two of it: the archive shows which.
   */
  async #audit(): Promise<Fault | undefined> {
    const { fleet, sessions, clock, logger, forks } = this.#deps
    const asked = [...this.#suspects.keys()].slice(0, SUSPECTS_MAX)
    if (asked.length === 0) return undefined
    const sinceMs = clock.now() - 2 * SUSPICION_MS
    const found = await forks(asked, sinceMs)
    if (!found.ok) return found.fault
    for (const agentId of asked) {
      const knownMs = this.#suspects.get(agentId) ?? sinceMs
      this.#suspects.delete(agentId)
      // Back to the end of the line: what is on its way to the archive now is seen later.
      if (clock.now() - knownMs < SUSPECT_AGAIN_MS) this.#suspects.set(agentId, knownMs)
    }
    for (const agentId of found.value) {
      const fault = fail('AGENT_QUARANTINED', FORKED).fault
      const barred = await fleet.bar(Uint8Array.fromHex(agentId), 'quarantined', fault.message)
      if (!barred.ok) return barred.fault
      this.#suspects.delete(agentId)
      logger.error({ agent: agentId, addresses: sessions.peers(agentId), fault }, 'agent quarantined')
      sessions.end(agentId, fault)
    }
    return undefined
  }

  /** After a start or an outage, agents of other collectors have the time of a silence to be reported again. */
  async #alarm(): Promise<Fault | undefined> {
    const { fleet, clock, logger, silentAfterMs } = this.#deps
    if (clock.now() - (this.#watchingSinceMs ?? clock.now()) < silentAfterMs) return undefined
    const changes = await fleet.silence(silentAfterMs)
    if (!changes.ok) return changes.fault
    for (const { agentId, resource, lastSeenMs } of changes.value.begun)
      logger.error({ agent: agentId, resource, lastSeenMs }, 'agent silent')
    for (const { agentId, resource, state } of changes.value.over)
      if (state === 'active') logger.warn({ agent: agentId, resource }, 'agent is back')
    return undefined
  }

  async #count(): Promise<Fault | undefined> {
    const totals = await this.#deps.fleet.totals()
    if (!totals.ok) return totals.fault
    this.#deps.onTotals(totals.value)
    return undefined
  }
}
