import { randomBytes } from 'node:crypto'
import type { Mark, TableBlock } from '../ingest/blocks.ts'
import type { Inserter } from './insert.ts'
import { isOver } from './fault.ts'
import { placeLeft } from './place.ts'
import type { PlaceDeps } from './place.ts'
import { leftWriters, writerBlock } from './writers.ts'
import type { LeftWriter } from './writers.ts'

/** A writer that has said nothing for longer than this takes a new name before it goes on, milliseconds. */
const RENEW_MS = 60_000
/** Between two words of how far a writer is. */
const SAY_MS = 15_000
/** Who is silent for longer has died: longer than RENEW_MS and an insert together can last. */
export const SILENT_MS = 180_000

/** What one commit stores. */
export interface Entry {
  /** What must be there before the batches: streams, and why readings are not taken. */
  readonly before: readonly TableBlock[]
  /** The signed batches, with the mark in each. */
  readonly signed: (mark: Mark) => readonly TableBlock[]
  /** What follows from them: readings and losses. */
  readonly after: readonly TableBlock[]
}

/**
 * The order in which a commit becomes durable: first what is signed, then what follows from it. So nothing is ever
 * stored that nobody signed; and what is missing after a crash or a failed insert follows from what is there.
 */
export class Journal {
  readonly #deps: PlaceDeps
  readonly #now: () => number
  #turn: Promise<unknown> = Promise.resolve()
  #writer: Uint8Array | undefined
  #commit = 0n
  #saidMs = 0
  #said = 0n
  /** Own writers that failed. */
  readonly #left: (LeftWriter & { readonly isOver: boolean })[] = []

  constructor(deps: PlaceDeps, now: () => number = Date.now) {
    this.#deps = deps
    this.#now = now
  }

  /** Stores an entry; when it returns, all of it is durable and in its place. Throws what the driver says, or a FaultError. */
  async write({ before, signed, after }: Entry): Promise<void> {
    return this.#alone(async () => {
      await this.#insert(before)
      const mark = { writer: await this.#name(), commit: this.#commit + 1n }
      try {
        await this.#insert(signed(mark))
        await this.#insert(after)
      } catch (error) {
        // Whether the batches are there is not known: if they are, their readings are made up for.
        const left = { writer: mark.writer, placed: this.#commit, isOver: isOver(error) && !this.#isSpread }
        this.#left.push(left)
        this.#writer = undefined
        // Where it cannot be said, its silence says so later.
        if (left.isOver) await this.#insert([writerBlock(left, 'stopped')]).catch(() => undefined)
        throw error
      }
      this.#commit = mark.commit
      // What cannot be said now is said with a later commit, or the writer takes a new name.
      if (this.#isForgotten) this.#writer = undefined
      else if (this.#now() - this.#saidMs > SAY_MS) await this.#say(mark.writer).catch(() => undefined)
    })
  }

  /** Stores rows that no batch brings. */
  async add(blocks: readonly TableBlock[]): Promise<void> {
    return this.#insert(blocks)
  }

  /** Says how far this writer is, where that is not known, so that nobody takes it for dead. */
  async say(): Promise<void> {
    return this.#alone(async () => {
      if (this.#isForgotten) this.#writer = undefined
      else if (this.#writer !== undefined && this.#commit !== this.#said) await this.#say(this.#writer)
    })
  }

  /** Says that this writer is done. What it left is left to the next. */
  async end(): Promise<void> {
    return this.#alone(() => this.#endOwn())
  }

  async #name(): Promise<Uint8Array> {
    for (const left of this.#left.splice(0)) await this.#makeUp(left).catch(() => undefined)
    if (this.#isForgotten) this.#writer = undefined
    if (this.#writer === undefined) {
      const writer = randomBytes(16)
      this.#commit = 0n
      await this.#say(writer)
      this.#writer = writer
    }
    return this.#writer
  }

  /** Of an insert over a cluster one node may say that it failed while another is still at it. */
  get #isSpread(): boolean {
    return this.#deps.topology.cluster !== undefined
  }

  /** Others may have taken this writer for dead: what it has not said, they look for. */
  get #isForgotten(): boolean {
    return this.#writer !== undefined && Math.abs(this.#now() - this.#saidMs) > RENEW_MS
  }

  /** What cannot be made up for now is left to recover(): nothing may keep this writer from going on. */
  async #makeUp(left: LeftWriter & { readonly isOver: boolean }): Promise<void> {
    const { placed } = await placeLeft(this.#deps, left)
    // The store may still be at an insert whose answer nobody waits for: then recover() looks again.
    if (left.isOver) await this.#insert([writerBlock({ ...left, placed }, 'whole')])
  }

  async #say(writer: Uint8Array): Promise<void> {
    const saidMs = this.#now()
    await this.#insert([writerBlock({ writer, placed: this.#commit }, 'writing')])
    this.#saidMs = saidMs
    this.#said = this.#commit
  }

  async #endOwn(): Promise<void> {
    if (this.#writer !== undefined)
      await this.#insert([writerBlock({ writer: this.#writer, placed: this.#commit }, 'whole')])
    this.#writer = undefined
  }

  async #insert(blocks: readonly TableBlock[]): Promise<void> {
    await insertAll(this.#deps.inserter, blocks)
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }
}

/**
 * Makes up for what writers left that have stopped, or been silent for so long. Gives the number of their batches.
 * Throws a FaultError: STORE_…, DISK_FULL.
 *
 * @param silentMs SILENT_MS, or 0 where nobody can be writing.
 */
export async function recover(deps: PlaceDeps, silentMs: number): Promise<number> {
  let found = 0
  for (const left of await leftWriters(deps, silentMs)) {
    const { batches, placed } = await placeLeft(deps, left)
    await insertAll(deps.inserter, [writerBlock({ writer: left.writer, placed }, 'whole')])
    found += batches
  }
  return found
}

async function insertAll(inserter: Inserter, blocks: readonly TableBlock[]): Promise<void> {
  for (const block of blocks) if (block.chunks.length > 0) await inserter.insert(block)
}
