import { TokenBucket } from '../ingest/token-bucket.ts'
import type { BucketLimits } from '../ingest/token-bucket.ts'
import type { Hex, Link } from '../ports.ts'
import { Observer } from './observer.ts'

/** Digests of a run that are remembered for duplicates; older ones are asked of the archive. */
const RECENT_MAX = 64
/** And of those that are durable, which the archive has: what an agent repeats is mostly the newest. */
const DURABLE_MAX = 8
/** Runs of an agent that are remembered; others are asked of the archive. */
const RUNS_MAX = 8

/** An agent that changes collectors needs a few; one that sends garbage gets no more. */
const QUESTIONS = { perSecond: 1, burst: 10 }
/** Frames of any kind: even an empty one costs a turn. */
const FRAMES = { perSecond: 500, burst: 5_000 }
const UNLIMITED = { perSecond: 0, burst: 0 }

/** One run of an agent as far as it has been admitted. */
export interface Run {
  /** Last batch admitted. */
  head: Link | undefined
  /** Last batch that is durable. */
  durable: Link | undefined
  /** The batch that names `head` as the one before, where another collector has taken it or another run begins with it. */
  successor: Hex | undefined
  /** Newest digests by sequence. */
  readonly recent: Map<bigint, Hex>
}

/** What the collector remembers of one connected agent. Batches pass through a lane one at a time. */
export class Lane {
  readonly agentId: Uint8Array
  readonly name: Hex
  /** Quotas of the agent, over all of its connections. */
  readonly readings: TokenBucket
  readonly frames = new TokenBucket(FRAMES)
  readonly #runs = new Map<Hex, Run>()
  /** First batches of runs by the batch that they name as the one before: the archive may not have them yet. */
  readonly #firsts = new Map<Hex, Hex>()
  /** The run of the batch admitted last. */
  #newest: Run | undefined
  #tail: Promise<unknown> = Promise.resolve()
  readonly observer: Observer
  /** How often the archive may be asked again before a batch of this agent is refused. */
  readonly questions = new TokenBucket(QUESTIONS)
  /**
   * A run was found in the archive that did not come this way, through another collector or one that died; or a batch
   * goes on with another run than the last, which may be from before a loss of the spool.
   */
  inherited = false
  /** Changes when everything is forgotten; what was found out before does not count any more. */
  generation = 0

  constructor(agentId: Uint8Array, readings: BucketLimits = UNLIMITED) {
    this.agentId = agentId
    this.name = agentId.toHex()
    this.readings = new TokenBucket(readings)
    this.observer = new Observer(agentId)
  }

  /** Runs work alone on this lane, after all work before it. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(work)
    this.#tail = done.catch(() => undefined)
    return done
  }

  run(runId: Hex): Run | undefined {
    return this.#runs.get(runId)
  }

  /** Remembers a run as the archive knows it, where that is ahead of what is remembered. */
  adopt(runId: Hex, durable: Link | undefined, successor: Hex | undefined): Run {
    const known = this.#runs.get(runId)
    const run: Run = known ?? { head: undefined, durable: undefined, successor: undefined, recent: new Map() }
    if (durable !== undefined && isAfter(durable, run.head)) {
      // The links between are not known: what is asked about them is asked of the archive.
      run.recent.clear()
      run.recent.set(durable.sequence, durable.digest)
      run.head = durable
      run.successor = undefined
    }
    if (durable?.digest === run.head?.digest)
      run.successor ??= successor ?? this.firstAfter(durable?.digest ?? '')
    this.settle(run, durable)
    if (known !== undefined) return run
    this.inherited ||= durable !== undefined
    this.#runs.set(runId, run)
    this.#forgetSettledRuns()
    return run
  }

  /** Notes that a run is durable up to a link; never goes back. */
  settle(run: Run, link: Link | undefined): void {
    if (link === undefined || !isAfter(link, run.durable)) return
    run.durable = link
    for (const sequence of run.recent.keys()) {
      if (sequence > link.sequence - BigInt(DURABLE_MAX)) return
      run.recent.delete(sequence)
    }
  }

  /** The run that holds a digest, among the batches remembered. */
  holder(digest: Hex): { readonly run: Run; readonly next: Hex | undefined } | undefined {
    for (const run of this.#runs.values()) {
      if (run.head?.digest === digest) return { run, next: run.successor }
      for (const [sequence, known] of run.recent) {
        if (known === digest) return { run, next: run.recent.get(sequence + 1n) }
      }
    }
    return undefined
  }

  /** The first batch of a run that was admitted here and names this digest as the one before. */
  firstAfter(digest: Hex): Hex | undefined {
    return this.#firsts.get(digest)
  }

  /** True where any batch of the agent is remembered. */
  get started(): boolean {
    return this.#runs.values().some(({ head }) => head !== undefined)
  }

  /** Notes a batch as admitted. */
  advance(run: Run, link: Link, previous: Hex): void {
    const before = this.holder(previous)
    if (before !== undefined && before.run !== run) before.run.successor = link.digest
    if (link.sequence === 1n && previous !== '') this.#rememberFirst(previous, link.digest)
    this.inherited ||= run !== this.#newest && previous !== ''
    this.#newest = run
    run.head = link
    run.successor = undefined
    run.recent.set(link.sequence, link.digest)
    const [oldest] = run.recent.keys()
    if (run.recent.size > RECENT_MAX && oldest !== undefined) run.recent.delete(oldest)
  }

  /** Forgets what was admitted, because it did not become durable: the archive is asked again. */
  reset(): void {
    this.#runs.clear()
    this.#firsts.clear()
    this.generation++
  }

  #rememberFirst(previous: Hex, digest: Hex): void {
    this.#firsts.set(previous, digest)
    const [oldest] = this.#firsts.keys()
    if (this.#firsts.size > RECENT_MAX && oldest !== undefined) this.#firsts.delete(oldest)
  }

  #forgetSettledRuns(): void {
    for (const [runId, run] of this.#runs) {
      if (this.#runs.size <= RUNS_MAX) return
      if (run.head?.sequence === run.durable?.sequence) this.#runs.delete(runId)
    }
  }
}

function isAfter(link: Link, other: Link | undefined): boolean {
  return other === undefined || link.sequence > other.sequence
}
