import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Refusal } from './quarantine.ts'
import type { Accepted, EventStore, Submission } from './store.ts'

interface Waiting {
  readonly submission: Submission
  readonly resolve: (outcome: Result<Accepted>) => void
  readonly reject: (error: unknown) => void
}

/** Events that wait for the disk together at most, so that nothing else of the agent waits for long. */
const EVENTS_MAX = 5000
const REFUSALS_MAX = 1000

/** Lets requests that arrive together share one transaction. */
export class GroupCommit {
  readonly #store: EventStore
  readonly #wallMs: () => number
  readonly #waiting: Waiting[] = []
  #refusals: Refusal[] = []
  #scheduled: NodeJS.Immediate | undefined

  constructor(store: EventStore, wallMs: () => number) {
    this.#store = store
    this.#wallMs = wallMs
  }

  /** Settles when the events are durable, or refused. */
  submit(submission: Submission): Promise<Result<Accepted>> {
    const { promise, resolve, reject } = Promise.withResolvers<Result<Accepted>>()
    this.#waiting.push({ submission, resolve, reject })
    this.#schedule()
    return promise
  }

  /** Keeps refusals with the next transaction; a flood of them beyond a bound is only answered. */
  refuse(refusals: readonly Refusal[]): void {
    if (this.#refusals.length < REFUSALS_MAX) this.#refusals.push(...refusals)
    this.#schedule()
  }

  /** Settles all that waits. */
  flush(): void {
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    while (this.#waiting.length > 0 || this.#refusals.length > 0) this.#commit()
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined
      this.#commit()
      if (this.#waiting.length > 0) this.#schedule()
    })
  }

  #commit(): void {
    let events = 0
    const next = this.#waiting.findIndex(({ submission }, index) => {
      events += submission.occurrences.length
      return events > EVENTS_MAX && index > 0
    })
    const group = this.#waiting.splice(0, next === -1 ? this.#waiting.length : next)
    const refusals = this.#refusals
    this.#refusals = []
    const submissions = group.map(({ submission }) => submission)
    try {
      const committed = this.#store.commit(submissions, refusals, this.#wallMs())
      for (const [index, { resolve }] of group.entries())
        resolve(committed.ok ? committed.value[index]! : committed)
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }
}
