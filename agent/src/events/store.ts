import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import type { Database, Row } from '../spool/sqlite.ts'
import { rowSum } from '../spool/rows.ts'
import { TOTAL_MAX } from './amount.ts'
import { openEventsDatabase } from './database.ts'
import type { CounterName, Occurrence } from './event.ts'
import { KnownIds } from './ids.ts'
import type { Window } from './ids.ts'
import { Quarantine } from './quarantine.ts'
import type { Refusal } from './quarantine.ts'

/** The bounds of a store. */
export interface StoreLimits extends Window {
  /** Counters that may exist. */
  readonly countersMax: number
}

/** A counter as it is durable. */
export interface Counter extends CounterName {
  /** From 1, in the order in which counters were made. */
  readonly id: number
  /** When it was made, before its first event: epoch milliseconds. */
  readonly madeMs: number
  /** In parts of a unit. */
  readonly total: bigint
}

/** The events of one request, all or none of which are counted. */
export interface Submission {
  readonly occurrences: readonly Occurrence[]
  /** Whether faults point to places in a batch. */
  readonly isBatch: boolean
}

/** What became of a submission. */
export interface Accepted {
  readonly counted: number
  /** Events that had been counted before. */
  readonly repeated: number
}

/** How far ahead of this host's clock the time of an event may be, milliseconds. */
const AHEAD_MAX_MS = 60_000

/**
 * Opens the counters. Faults: DATA_DIRECTORY_LOCKED, DATA_DIRECTORY_NEWER, DATA_DIRECTORY_UNWRITABLE, DISK_FULL.
 */
export function openEventStore(path: string, limits: StoreLimits, nowMs: number): Result<EventStore> {
  const opened = openEventsDatabase(path, nowMs, (db) => void new EventStore(db, limits))
  if (!opened.ok) return opened
  return ok(new EventStore(opened.value.db, limits, opened.value.isReplaced))
}

/** Counters, known events and refusals; what it says of counters is on disk. */
export class EventStore {
  /** Differs from that of every other database: the life of the counters. */
  readonly name: string
  readonly #db: Database
  readonly #limits: StoreLimits
  readonly #ids: KnownIds
  readonly #quarantine: Quarantine
  readonly #counters = new Map<string, Counter>()
  readonly #isReplaced: boolean
  #opened: number

  constructor(db: Database, limits: StoreLimits, isReplaced = false) {
    this.#db = db
    this.#limits = limits
    this.#isReplaced = isReplaced
    this.name = this.#meta('name')
    this.#opened = Number.parseInt(this.#meta('opened'), 10)
    this.#ids = new KnownIds(db, limits)
    this.#quarantine = new Quarantine(db)
    for (const row of db.all('SELECT * FROM counters ORDER BY id')) {
      const counter = counterOf(row)
      if (!equalBytes(row.bytes('sum'), sumOf(counter))) throw new Error('a damaged counter')
      this.#counters.set(keyOf(counter), counter)
    }
  }

  /** Every counter, in the order in which they were made. */
  counters(): readonly Counter[] {
    return [...this.#counters.values()]
  }

  /** The counters whose first reading is known to be in a batch on disk: those with an id up to this. */
  get opened(): number {
    return this.#opened
  }

  /** Remembers it, should the spool be lost: no counter is opened twice. */
  keepOpened(id: number): void {
    const sql = "UPDATE meta SET value = ? WHERE key = 'opened'"
    const kept = this.#db.transaction(() => void this.#db.run(sql, String(id)))
    if (kept.ok) this.#opened = id
  }

  /**
   * Counts what is new in the submissions, each all or nothing, in one transaction with one wait for the disk.
   * Faults of a submission: EVENT_TOO_OLD, EVENT_IN_FUTURE, EVENT_STREAMS_EXCEEDED, OUT_OF_RANGE. Of all: DISK_FULL.
   */
  commit(
    submissions: readonly Submission[],
    refusals: readonly Refusal[],
    nowMs: number,
  ): Result<Result<Accepted>[]> {
    const changed = new Map<string, Counter>()
    const outcomes: Result<Accepted>[] = []
    this.#ids.begin()
    const kept = this.#db.transaction(() => {
      let added = 0
      for (const submission of submissions) {
        this.#db.run('SAVEPOINT submission')
        const outcome = this.#count(submission, changed, nowMs)
        if (!outcome.ok) this.#db.run('ROLLBACK TO submission')
        else {
          added += outcome.value.counted
          this.#ids.added(outcome.value.counted)
        }
        this.#db.run('RELEASE submission')
        outcomes.push(outcome)
      }
      for (const counter of changed.values()) this.#put(counter)
      if (refusals.length > 0) this.#quarantine.keep(refusals, nowMs)
      this.#ids.evict(added, nowMs)
    })
    if (!kept.ok) return kept
    this.#ids.commit()
    for (const [key, counter] of changed) this.#counters.set(key, counter)
    if (refusals.length > 0) this.#quarantine.refresh()
    return ok(outcomes)
  }

  /** What is wrong for as long as it lasts. */
  faults(nowMs: number): Fault[] {
    const faults = this.#quarantine.faults()
    if (this.#isReplaced) {
      const message =
        'the counters of events could not be read and begin anew; events.sqlite.corrupt-… is what was'
      faults.push(fail('SPOOL_CORRUPT', message).fault)
    } else if (this.#ids.isShortened(nowMs)) {
      const message = 'so many events come that repetitions are known for less than the window'
      faults.push(fail('EVENT_TOO_OLD', message, { pointer: 'VOUCH_AGENT_EVENTS_IDS_MAX' }).fault)
    }
    return faults
  }

  close(): void {
    this.#db.close()
  }

  #meta(key: string): string {
    const [row] = this.#db.all('SELECT value FROM meta WHERE key = ?', key)
    if (row === undefined) throw new Error(`${key} is missing`)
    return row.text('value')
  }

  #count(
    { occurrences, isBatch }: Submission,
    changed: Map<string, Counter>,
    nowMs: number,
  ): Result<Accepted> {
    const own = new Map<string, Counter>()
    let counted = 0
    for (const [index, { key, timeMs, counter: name, amount }] of occurrences.entries()) {
      if (!this.#ids.add(key, timeMs, nowMs)) continue
      const at = isBatch ? `/${index}` : ''
      const untimely = this.#untimely(timeMs, nowMs, `${at}/time`)
      if (untimely !== undefined) return untimely
      const text = keyOf(name)
      const before = own.get(text) ?? changed.get(text) ?? this.#counters.get(text)
      const isNew = before === undefined
      if (isNew && this.#amount(changed, own) >= this.#limits.countersMax) {
        const message = `there are ${this.#limits.countersMax} counters, and ${name.resource} would be one more`
        return fail('EVENT_STREAMS_EXCEEDED', message, { pointer: at })
      }
      const id = isNew ? this.#amount(changed, own) + 1 : before.id
      const total = (before?.total ?? 0n) + amount
      if (total > TOTAL_MAX) return fail('OUT_OF_RANGE', 'the counter would exceed 64 bits', { pointer: at })
      own.set(text, { ...name, id, madeMs: before?.madeMs ?? nowMs, total })
      counted += 1
    }
    for (const [text, counter] of own) changed.set(text, counter)
    return ok({ counted, repeated: occurrences.length - counted })
  }

  /** How many counters there would be. */
  #amount(changed: ReadonlyMap<string, Counter>, own: ReadonlyMap<string, Counter>): number {
    const known = this.#counters.size
    let last = known
    for (const { id } of changed.values()) last = Math.max(last, id)
    for (const { id } of own.values()) last = Math.max(last, id)
    return last
  }

  #untimely(timeMs: number, nowMs: number, pointer: string): Result<never> | undefined {
    const floorMs = this.#ids.floorMs(nowMs)
    if (timeMs < floorMs)
      return fail(
        'EVENT_TOO_OLD',
        `repetitions are known from ${floorMs} ms on, and this is of ${timeMs} ms`,
        { pointer },
      )
    if (timeMs <= nowMs + AHEAD_MAX_MS) return undefined
    return fail('EVENT_IN_FUTURE', `the event is ${timeMs - nowMs} ms ahead, more than ${AHEAD_MAX_MS}`, {
      pointer,
    })
  }

  #put(counter: Counter): void {
    const { id, resource, meter, unit, attributes, madeMs, total } = counter
    this.#db.run(
      `INSERT OR REPLACE INTO counters (id, resource, meter, unit, attributes, made_ms, total, sum)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      resource,
      meter,
      unit,
      JSON.stringify(attributes),
      madeMs,
      total.toString(),
      sumOf(counter),
    )
  }
}

function keyOf({ resource, meter }: CounterName): string {
  return `${meter} ${resource}`
}

function sumOf({ id, resource, meter, unit, attributes, madeMs, total }: Counter): Uint8Array {
  return rowSum(id, resource, meter, unit, JSON.stringify(attributes), madeMs, total)
}

function counterOf(row: Row): Counter {
  return {
    id: row.integer('id'),
    resource: row.text('resource'),
    meter: row.text('meter'),
    unit: row.text('unit'),
    attributes: JSON.parse(row.text('attributes')) as Record<string, string>,
    madeMs: row.integer('made_ms'),
    total: BigInt(row.text('total')),
  }
}
