import type { Status } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { instantAt, wordsOf } from '../ingest/words.ts'
import type { Observation } from '../fleet/ports.ts'
import type { AdmittedBatch } from '../ports.ts'

/** Longest version text kept of a hello, characters. */
const VERSION_CHARACTERS_MAX = 100
/** 9999-12-31: an agent may say any number, and the registry takes times only. */
const TIME_MAX_MS = 253_402_300_799_999
const COUNT_MAX = 2n ** 63n - 1n

type Notes = Omit<Observation, 'agentId'>

/** What a collector notices of one agent while it is connected. */
export class Observer {
  readonly #agentId: Uint8Array
  #notes: Notes | undefined
  #reportedMs = Number.NEGATIVE_INFINITY

  constructor(agentId: Uint8Array) {
    this.#agentId = agentId
  }

  /** The agent has answered the challenge. What it did before on another connection still holds, except a stop. */
  hello(who: Pick<Notes, 'runId' | 'agentVersion' | 'address'>, nowMs: number): void {
    const before = this.#notes
    const sameRun = before?.runId.toHex() === who.runId.toHex()
    this.#notes = {
      ...who,
      agentVersion: who.agentVersion.slice(0, VERSION_CHARACTERS_MAX).replaceAll(/[^\x20-\x7e]/g, '?'),
      lastSequence: sameRun ? before.lastSequence : 0n,
      policyVersion: before?.policyVersion,
      clockOffsetMs: before?.clockOffsetMs,
      newestReadingMs: before?.newestReadingMs,
      spool: before?.spool,
      heardMs: nowMs,
      stopped: false,
    }
  }

  /** A frame came, or something of the agent became durable. */
  heard(nowMs: number): void {
    this.#note({}, nowMs)
  }

  /** The agent has told how it is doing. */
  status({ spooledBatches, spooledBytes, oldestSealedMs, wallMs }: Status, nowMs: number): void {
    const spool = {
      batches: atMost(spooledBatches),
      bytes: atMost(spooledBytes),
      oldestMs: oldestSealedMs === 0n ? undefined : within(Number(oldestSealedMs)),
    }
    this.#note({ spool, clockOffsetMs: nowMs - within(Number(wallMs)) }, nowMs)
  }

  /** A batch has its place in the chain. Of readings that are not taken, the times do not count. */
  batch(batch: AdmittedBatch): void {
    const { runId, sequence, final, policyVersion, wallMs, receivedMs, columns, fault } = batch
    if (this.#notes === undefined) return
    const { newestReadingMs: before, spool, clockOffsetMs } = this.#notes
    const newestReadingMs = fault === undefined ? newestOf(columns, before) : before
    // A batch may have waited in a spool: where the agent tells its clock, that is the better measure.
    const offset = spool === undefined ? receivedMs - within(wallMs) : clockOffsetMs
    // These notes stay until the next batch: the octets of a run lie in those of the whole batch.
    this.#note(
      {
        runId: new Uint8Array(runId),
        lastSequence: sequence,
        policyVersion: atMost(policyVersion),
        newestReadingMs,
        clockOffsetMs: offset,
        stopped: final,
      },
      receivedMs,
    )
  }

  /** What is to be reported; undefined where nothing has been heard since. */
  get news(): Observation | undefined {
    if (this.#notes === undefined || this.#notes.heardMs <= this.#reportedMs) return undefined
    return { agentId: this.#agentId, ...this.#notes }
  }

  /** A report that holds what was heard up to then has been written. */
  reported({ heardMs }: Observation): void {
    this.#reportedMs = heardMs
  }

  #note(news: Partial<Notes>, nowMs: number): void {
    if (this.#notes !== undefined) this.#notes = { ...this.#notes, ...news, heardMs: nowMs }
  }
}

/** Times ascend within a segment: its last row is its newest. */
function newestOf(columns: AdmittedBatch['columns'], before: number | undefined): number | undefined {
  if (columns === undefined) return before
  const times = wordsOf(columns.timeMs)
  let newestMs = before ?? 0
  let row = -1
  for (const rows of columns.segmentRows) {
    row += rows
    newestMs = Math.max(newestMs, instantAt(times, row))
  }
  return newestMs === 0 ? before : newestMs
}

function within(timeMs: number): number {
  return Math.min(TIME_MAX_MS, Math.max(0, timeMs))
}

function atMost(count: bigint): bigint {
  return count > COUNT_MAX ? COUNT_MAX : count
}
