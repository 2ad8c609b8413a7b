import { SILENT_MS } from '@vouch/collector/clickhouse/journal.ts'
import type {
  AdmittedBatch,
  Archive,
  CommitGroup,
  EpochKey,
  Hex,
  LastReading,
  Link,
} from '@vouch/collector/ports.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Failure, FaultCode, Result } from '@vouch/proto/kernel/fault.ts'
import type { Dice } from './dice.ts'
import { forkedSince } from './forks.ts'
import { readingsOf } from './readings.ts'
import type { Reading } from './readings.ts'
import { Tables } from './tables.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** One insert: its parts become durable one after another, as the parts of a block do, one a month. */
interface Insert {
  readonly table: string
  readonly parts: readonly (() => void)[]
}

/** A commit that has not ended well. */
interface Left {
  readonly client: Client
  readonly group: CommitGroup
  readonly sinceMs: number
  failed: boolean
  /** Its own client has made up for it, and goes on; whether the store was still at it, nobody knows. */
  placed: boolean
}

/** A process that uses the store: what it began may still be done after its end, the rest is not. */
export interface Client {
  readonly name: string
  readonly alive: boolean
}

const FAULTS: readonly FaultCode[] = ['STORE_UNAVAILABLE', 'STORE_READ_ONLY', 'DISK_FULL']

/** The store that all collectors share, in memory, with the order and the durability of the real one. */
export class Store {
  readonly tables = new Tables()
  /** A store client that does not make up for what was cut. */
  forgetful = false
  /** Probability that a step fails; and what every step answers while the store is down. */
  failure = 0
  outage: FaultCode | undefined
  /** Latency at most, milliseconds. */
  latencyMs = 20
  readonly #time: VirtualTime
  readonly #dice: Dice
  readonly #trace: Trace
  /** Commits under way, and those that were cut. */
  readonly #left = new Set<Left>()

  constructor(time: VirtualTime, dice: Dice, trace: Trace) {
    this.#time = time
    this.#dice = dice
    this.#trace = trace
  }

  /** The archive as one process sees it. */
  archive(client: Client): Archive {
    const { tables } = this
    const read = <T>(answer: () => T): Promise<Result<T>> => this.#read(answer)
    return {
      commit: (group) => this.#commit(client, group),
      addKey: () => Promise.reject(new Error('nobody enrols here')),
      head: (agentId, runId) => read(() => headOf(tables, agentId, runId)),
      digestAt: (agentId, runId, sequence) =>
        read(() =>
          runOf(tables, agentId, runId)
            .find((batch) => batch.sequence === sequence)
            ?.digest.toHex(),
        ),
      hasAgent: (agentId) => read(() => tables.batchesOf(agentId).length > 0),
      hasDigest: (agentId, digest) =>
        read(() => tables.batchesOf(agentId).some((batch) => batch.digest.toHex() === digest.toHex())),
      successor: (agentId, digest) =>
        read(() =>
          tables
            .batchesOf(agentId)
            .find((batch) => batch.previous.toHex() === digest.toHex())
            ?.digest.toHex(),
        ),
      lastReadings: (keys) => read(() => keys.map((key) => newestOf(tables, key))),
    }
  }

  /** What the watch over the fleet asks: which of these agents have a fork among what came since. */
  readonly forks = (agentIds: readonly Hex[], sinceMs: number): Promise<Result<readonly Hex[]>> =>
    this.#read(() => agentIds.filter((agent) => forkedSince(this.tables, agent, sinceMs)))

  async #read<T>(answer: () => T): Promise<Result<T>> {
    await this.#time.sleep(this.#dice.between(1, this.latencyMs))
    if (this.outage !== undefined) return fail(this.outage, 'the store is down')
    return this.#dice.chance(this.failure) ? this.#failed() : ok(answer())
  }

  /** Commits of which something may be missing. */
  get unplaced(): number {
    return this.#left.size
  }

  /** Makes up for what was cut and whose client has been silent for long enough. */
  async recover(client: Client): Promise<Result<void>> {
    for (const left of this.#left) {
      const isOver = left.failed || !left.client.alive
      if (!isOver || this.#time.nowMs - left.sinceMs < SILENT_MS) continue
      const failed = await this.#place(client, left)
      if (failed !== undefined) return failed
      this.#left.delete(left)
    }
    return ok(undefined)
  }

  async #commit(client: Client, group: CommitGroup): Promise<Result<void>> {
    for (const left of this.#left) {
      if (left.client !== client || left.placed) continue
      const failed = await this.#place(client, left)
      if (failed !== undefined) return failed
      left.placed = true
    }
    const left: Left = { client, group, sinceMs: this.#time.nowMs, failed: false, placed: false }
    this.#left.add(left)
    for (const insert of this.inserts(group)) {
      const failed = await this.#insert(client, insert)
      left.failed = failed !== undefined
      if (failed !== undefined) return failed
    }
    this.#left.delete(left)
    return ok(undefined)
  }

  /** Stores what follows from those batches of a commit that are there. */
  async #place(client: Client, { group }: Left): Promise<Failure | undefined> {
    const batches = group.batches.filter((batch) => this.tables.holds(batch))
    const inserts = this.forgetful ? [] : this.#following(batches)
    for (const insert of inserts) {
      const failed = await this.#insert(client, insert)
      if (failed !== undefined) return failed
    }
    return undefined
  }

  /** Fails before, between, or after the parts: then everything is done and the answer lost. */
  async #insert(client: Client, { table, parts }: Insert): Promise<Failure | undefined> {
    if (parts.length === 0) return undefined
    await this.#time.sleep(this.#dice.between(1, this.latencyMs))
    if (this.outage !== undefined) return fail(this.outage, 'the store is down')
    const fails = this.#dice.chance(this.failure)
    const count = fails || !client.alive ? this.#dice.between(0, parts.length) : parts.length
    for (const part of parts.slice(0, count)) part()
    if (fails || !client.alive)
      this.#trace.note(
        'store',
        `${table} of ${client.name}: ${count} of ${parts.length} parts, then no answer`,
      )
    else this.#trace.note('store', `${table} of ${client.name}: durable`)
    // The next insert of a process that is gone is never asked for.
    if (!client.alive) return this.#failed()
    return fails ? this.#failed() : undefined
  }

  #failed(): Failure {
    return fail(this.#dice.pick(FAULTS), 'the store failed')
  }

  /** The inserts of a group in their order: what is signed comes before what follows from it. */
  inserts({ streams, batches }: CommitGroup): Insert[] {
    const { tables } = this
    const faulty = batches.filter(({ fault }) => fault !== undefined)
    const chained = batches.filter((batch) => batch.chained)
    return [
      one('streams', streams, () => streams.forEach((row) => tables.addStream(row))),
      one('quarantine', faulty, () => faulty.forEach((batch) => tables.addQuarantined(batch))),
      { table: 'batches', parts: batchParts(tables, chained) },
      ...this.#following(batches),
    ]
  }

  #following(batches: readonly AdmittedBatch[]): Insert[] {
    const chained = batches.filter((batch) => batch.chained)
    return [
      { table: 'readings', parts: this.#readingParts(batches.filter(({ fault }) => fault === undefined)) },
      one('losses', chained, () => chained.forEach((batch) => this.tables.addLosses(batch))),
    ]
  }

  #readingParts(batches: readonly AdmittedBatch[]): (() => void)[] {
    const rows = batches.flatMap((batch) =>
      readingsOf(batch.columns).map((reading) => ({
        ...reading,
        agent: batch.agentId.toHex(),
        run: batch.runId.toHex(),
        sequence: batch.sequence,
      })),
    )
    const months = [...Map.groupBy(rows, ({ timeMs }) => monthOf(timeMs)).values()]
    return months.flatMap((own) => [
      () => own.forEach((row) => this.tables.addReading(row)),
      () => own.forEach((row: Reading) => this.tables.feed(row)),
    ])
  }
}

function one(table: string, rows: readonly unknown[], part: () => void): Insert {
  return { table, parts: rows.length === 0 ? [] : [part] }
}

/** A block becomes one part for each month of `last_time`, in the order in which the months occur. */
function batchParts(tables: Tables, batches: readonly AdmittedBatch[]): (() => void)[] {
  const months = Map.groupBy(batches, (batch) => {
    const times = batch.fault === undefined ? readingsOf(batch.columns).map(({ timeMs }) => timeMs) : []
    return monthOf(times.length > 0 ? Math.max(...times) : batch.receivedMs)
  })
  return [...months.values()].map((own) => () => own.forEach((batch) => tables.addBatch(batch)))
}

function monthOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 7)
}

function runOf(tables: Tables, agentId: Uint8Array, runId: Uint8Array): AdmittedBatch[] {
  const run = runId.toHex()
  return tables.batchesOf(agentId).filter((batch) => batch.runId.toHex() === run)
}

function headOf(tables: Tables, agentId: Uint8Array, runId: Uint8Array): Link | undefined {
  const [last] = runOf(tables, agentId, runId).toSorted((a, b) => Number(b.sequence - a.sequence))
  return last === undefined ? undefined : { sequence: last.sequence, digest: last.digest.toHex() }
}

function newestOf(tables: Tables, { streamId, epoch }: EpochKey): LastReading | undefined {
  const prefix = `${streamId.toHex()} ${epoch} `
  const hours = [...tables.hours].filter(([key]) => key.startsWith(prefix)).map(([, state]) => state)
  if (hours.length === 0) return undefined
  return {
    timeMs: BigInt(Math.max(...hours.map(({ lastTimeMs }) => lastTimeMs))),
    register: hours.reduce((most, { lastRegister }) => (lastRegister > most ? lastRegister : most), 0n),
  }
}
