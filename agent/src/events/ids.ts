import type { Database } from '../spool/sqlite.ts'

/** The bounds of what is known of repetitions. */
export interface Window {
  /** An event whose time is further back is refused, milliseconds. */
  readonly windowMs: number
  /** Events known at once. */
  readonly idsMax: number
}

/** More than comes in is forgotten at once, so that a backlog shrinks; never so much that others wait for long. */
const EVICTED_AT_LEAST = 1000

/**
 * The events that are known. Whatever is forgotten raises the horizon above it, and an event from before the horizon
 * is refused: so an event is either known, or its repetition is refused.
 */
export class KnownIds {
  readonly #db: Database
  readonly #window: Window
  #count: number
  #horizonMs: number
  /** As they are inside the transaction. */
  #next: { count: number; horizonMs: number }

  constructor(db: Database, window: Window) {
    this.#db = db
    this.#window = window
    this.#count = db.all('SELECT count(*) AS ids FROM ids')[0]?.integer('ids') ?? 0
    const [row] = db.all("SELECT value FROM meta WHERE key = 'horizon_ms'")
    this.#horizonMs = Number.parseInt(row?.text('value') ?? '', 10)
    if (!Number.isSafeInteger(this.#horizonMs)) throw new Error('damaged horizon')
    this.#next = { count: this.#count, horizonMs: this.#horizonMs }
  }

  /** Begins a transaction's view. */
  begin(): void {
    this.#next = { count: this.#count, horizonMs: this.#horizonMs }
  }

  /** The transaction is durable. */
  commit(): void {
    this.#count = this.#next.count
    this.#horizonMs = this.#next.horizonMs
  }

  /** Whether the event is new; it is known from now on. */
  add(key: Uint8Array, timeMs: number, nowMs: number): boolean {
    const seenMs = Math.max(timeMs, nowMs)
    return this.#db.run('INSERT OR IGNORE INTO ids (key, seen_ms) VALUES (?, ?)', key, seenMs) === 1
  }

  /** Counts what a request added. */
  added(count: number): void {
    this.#next.count += count
  }

  /** The earliest time that an event may have. */
  floorMs(nowMs: number): number {
    return Math.max(this.#next.horizonMs, nowMs - this.#window.windowMs)
  }

  /** Whether the bound of events has made the window shorter than it was set. */
  isShortened(nowMs: number): boolean {
    return this.#horizonMs > nowMs - this.#window.windowMs
  }

  /** Forgets what is out of the window or beyond its bound; to be called in a transaction. */
  evict(added: number, nowMs: number): void {
    const limit = EVICTED_AT_LEAST + 2 * added
    const old = this.#db.all(
      'SELECT max(coalesce(seen_ms, 0)) AS seen, count(*) AS ids FROM (SELECT seen_ms FROM ids WHERE seen_ms < ? ORDER BY seen_ms LIMIT ?)',
      nowMs - this.#window.windowMs,
      limit,
    )[0]
    if (old !== undefined && old.integer('ids') > 0) this.#forget(old.integer('seen'))
    const excess = this.#next.count - this.#window.idsMax
    if (excess <= 0) return
    const [row] = this.#db.all('SELECT seen_ms FROM ids ORDER BY seen_ms LIMIT 1 OFFSET ?', excess - 1)
    if (row !== undefined) this.#forget(row.integer('seen_ms'))
  }

  #forget(upToMs: number): void {
    this.#next.count -= this.#db.run('DELETE FROM ids WHERE seen_ms <= ?', upToMs)
    if (upToMs < this.#next.horizonMs) return
    this.#next.horizonMs = upToMs + 1
    this.#db.run("UPDATE meta SET value = ? WHERE key = 'horizon_ms'", String(upToMs + 1))
  }
}
