import { collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { readEvent } from './event.ts'
import type { EventRules, Occurrence } from './event.ts'
import { WrittenNumber } from './exact-json.ts'
import type { ExactValue } from './exact-json.ts'
import type { GroupCommit } from './group-commit.ts'
import type { Refusal } from './quarantine.ts'
import { eventsOf } from './request.ts'
import type { HeadersOf } from './request.ts'
import type { Accepted } from './store.ts'

/** Faults told of one batch; the others stay to be found when these are mended. */
const FAULTS_MAX = 20

/** From a request to durable counters: what a listener calls with each request. */
export class Intake {
  readonly #group: GroupCommit
  readonly #rules: EventRules

  constructor(group: GroupCommit, rules: EventRules) {
    this.#group = group
    this.#rules = rules
  }

  /** Counts all events of a request, or none and keeps what is wrong with it. */
  async take(request: HeadersOf, body: Uint8Array): Promise<Result<Accepted>> {
    const found = eventsOf(request, body)
    if (!found.ok) return this.refuse(found.fault, body)
    const { events, isBatch } = found.value
    const read = this.#read(events, isBatch)
    if (!read.ok) {
      this.#keep(read.fault, events, isBatch)
      return read
    }
    const outcome = await this.#group.submit({ occurrences: read.value, isBatch })
    if (!outcome.ok && outcome.fault.code !== 'DISK_FULL') this.#keep(outcome.fault, events, isBatch)
    return outcome
  }

  /** Keeps a request of which no event could be read. */
  refuse(fault: Fault, body: Uint8Array): Result<never> {
    this.#group.refuse([{ fault, body }])
    return { ok: false, fault }
  }

  #read(events: readonly ExactValue[], isBatch: boolean): Result<Occurrence[]> {
    const occurrences: Occurrence[] = []
    const faults: Result<Occurrence>[] = []
    for (const [index, event] of events.entries()) {
      const occurrence = readEvent(event, this.#rules, isBatch ? `/${index}` : '')
      if (occurrence.ok) occurrences.push(occurrence.value)
      else if (faults.push(occurrence) >= FAULTS_MAX) break
    }
    return faults.length === 0 ? ok(occurrences) : collect(faults)
  }

  #keep(fault: Fault, events: readonly ExactValue[], isBatch: boolean): void {
    const refusals = (fault.causes ?? [fault]).map((each): Refusal => {
      const index = isBatch ? indexOf(each) : 0
      const text = JSON.stringify(index === undefined ? events : events[index], written)
      return { fault: isBatch ? withoutIndex(each) : each, body: Buffer.from(text) }
    })
    this.#group.refuse(refusals)
  }
}

/** The place in a batch that a fault points to. */
export function indexOf({ pointer = '' }: Fault): number | undefined {
  const digits = /^\/(\d+)(?:\/|$)/.exec(pointer)?.[1]
  return digits === undefined ? undefined : Number.parseInt(digits, 10)
}

/** The event stands alone where it is kept, and is the same wherever it stood. */
function withoutIndex({ code, message, pointer = '' }: Fault): Fault {
  return fail(code, message, { pointer: pointer.replace(/^\/\d+/, '') }).fault
}

function written(_: string, value: unknown): unknown {
  return value instanceof WrittenNumber ? value.text : value
}
