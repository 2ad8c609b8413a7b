import { toBinary } from '@bufbuild/protobuf'
import { SignedReceiptSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { SignedReceipt } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { CommitQueue } from '../ingest/commit-queue.ts'
import type { CommitLimits } from '../ingest/commit-queue.ts'
import type {
  AdmittedBatch,
  Archive,
  Clock,
  CommitGroup,
  Hex,
  Link,
  Logger,
  StreamRow,
  Telemetry,
} from '../ports.ts'
import type { Lane, Run } from './lane.ts'
import type { Receipts } from './receipt.ts'

/** Where the answers to a batch go: one connection of an agent. */
export interface Delivery {
  /** Everything that the receipt covers is durable; `settled` of this connection's batches newly so. */
  acknowledge(receipt: SignedReceipt, settled: number): void
  /** A batch is not taken; the agent keeps it. `settled` as above. */
  refuse(sequence: bigint, fault: Fault, settled: number): void
}

/** A batch on its way to the archive. */
export interface Pending {
  readonly batch: AdmittedBatch
  readonly link: Link
  readonly lane: Lane
  readonly run: Run
  /** More than one where the same batch came over several connections. */
  readonly deliveries: Set<Delivery>
}

/** Bounds of the committer. */
export interface CommitterLimits extends CommitLimits {
  /** Bytes admitted and not yet durable; beyond this nobody is read from. */
  readonly pendingBytesMax: number
  /** Tries of one insert. */
  readonly attemptsMax: number
  /** Pause before the second try, doubled for each one after, milliseconds. */
  readonly retryMs: number
}

/** What the committer works with. */
export interface CommitterDeps {
  readonly archive: Archive
  readonly receipts: Receipts
  readonly limits: CommitterLimits
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly clock: Clock
  /** A fork is in quarantine now: the agent is to be barred. */
  readonly onFork: (pending: Pending) => void
}

/** How often a drain looks whether everything is settled. */
const DRAIN_POLL_MS = 10
/** Why a wait ends early; without a reason of our own an exception is made for each. */
const FLUSHED = 'flushed'

/** Group commit: one insert at a time, for all agents that delivered meanwhile. */
export class Committer {
  readonly #deps: CommitterDeps
  readonly #queue: CommitQueue
  readonly #pending = new Map<string, Pending>()
  #declarers = new Set<Delivery>()
  #loop: Promise<void> | undefined
  #inFlightBytes = 0
  #room = Promise.withResolvers<void>()
  #flush = new AbortController()

  constructor(deps: CommitterDeps) {
    this.#deps = deps
    this.#queue = new CommitQueue(deps.limits)
  }

  /** Waits until there is room for more. */
  async room(): Promise<void> {
    while (this.#queue.bytes + this.#inFlightBytes >= this.#deps.limits.pendingBytesMax)
      await this.#room.promise
  }

  /** The pending batch with this digest. */
  pending(digest: string): Pending | undefined {
    return this.#pending.get(digest)
  }

  /** Queues streams; they become durable with, or before, the batches queued after them. */
  declare(streams: readonly StreamRow[], delivery: Delivery): void {
    this.#declarers.add(delivery)
    this.#queue.addStreams(streams, this.#deps.clock.now())
    this.#wake()
  }

  /** Queues a batch. */
  add(pending: Pending): void {
    this.#pending.set(pending.link.digest, pending)
    this.#queue.add(pending.batch, this.#deps.clock.now())
    this.#wake()
  }

  /** Commits what waits, without waiting for company; returns when all of it is settled. */
  async drain(): Promise<void> {
    while (this.#loop !== undefined) {
      this.#flush.abort(FLUSHED)
      await Promise.race([this.#loop, this.#deps.clock.sleep(DRAIN_POLL_MS)])
    }
  }

  #wake(): void {
    this.#loop ??= this.#run()
    if (!this.#flush.signal.aborted && this.#queue.dueInMs(this.#deps.clock.now()) === 0)
      this.#flush.abort(FLUSHED)
  }

  async #run(): Promise<void> {
    try {
      let dueInMs = this.#queue.dueInMs(this.#deps.clock.now())
      while (dueInMs !== undefined) {
        this.#flush = new AbortController()
        if (dueInMs > 0) await this.#deps.clock.sleep(dueInMs, this.#flush.signal)
        await this.#commit()
        dueInMs = this.#queue.dueInMs(this.#deps.clock.now())
      }
    } finally {
      // At once after the look at the queue: what is queued from here on must start a loop of its own.
      this.#loop = undefined
    }
  }

  async #commit(): Promise<void> {
    const group = this.#queue.take()
    const declarers = this.#declarers
    // Of more streams than fit into one insert the rest comes with the next.
    if (this.#queue.streams === 0) this.#declarers = new Set()
    this.#inFlightBytes = group.bytes
    const startedMs = this.#deps.clock.now()
    const receipts = this.#receipts(group)
    const result = await this.#attempt(withReceipts(group, receipts))
    this.#inFlightBytes = 0
    if (result.ok) {
      const readings = group.batches.reduce(
        (sum, { columns, fault }) => sum + (fault === undefined ? (columns?.timeMs.length ?? 0) : 0),
        0,
      )
      this.#deps.telemetry.committed(readings, this.#deps.clock.now() - startedMs)
      this.#settle(group, receipts)
    } else {
      this.#abandon(result.fault, declarers)
    }
    this.#room.resolve()
    this.#room = Promise.withResolvers()
  }

  async #attempt(group: CommitGroup): Promise<Result<void>> {
    const { archive, clock, limits, logger } = this.#deps
    let result = await archive.commit(group)
    for (let attempt = 1; !result.ok && attempt < limits.attemptsMax; attempt++) {
      logger.warn({ fault: result.fault, attempt }, 'insert failed, trying again')
      await clock.sleep(limits.retryMs * 2 ** (attempt - 1))
      result = await archive.commit(group)
    }
    return result
  }

  /**
   * Signs what will be true once the group is durable, a receipt for each run: it is stored with the last batch
   * that it covers, and sent when the insert has returned.
   */
  #receipts({ batches }: CommitGroup): Map<Run, Signed> {
    const chained = batches.flatMap((batch) =>
      batch.chained ? (this.#pending.get(nameOf(batch)) ?? []) : [],
    )
    const receivedMs = this.#deps.clock.now()
    return new Map(
      Map.groupBy(chained, ({ run }) => run)
        .entries()
        .map(([run, covered]) => {
          const { batch, link } = covered.at(-1)!
          const { agentId, runId } = batch
          const quarantined = covered.flatMap(({ link: { sequence }, batch: { fault } }) =>
            fault === undefined ? [] : [{ sequence, fault }],
          )
          const receipt = this.#deps.receipts({ agentId, runId, upTo: link, quarantined, receivedMs })
          return [run, { receipt, last: batch }]
        }),
    )
  }

  #settle({ batches }: CommitGroup, receipts: ReadonlyMap<Run, Signed>): void {
    const settled = new Map<Run, Map<Delivery, number>>()
    for (const admitted of batches) {
      const pending = this.#pending.get(nameOf(admitted))
      if (pending === undefined) continue
      this.#pending.delete(nameOf(admitted))
      const { batch, link, deliveries, lane, run } = pending
      this.#deps.telemetry.batch(batch.fault?.code ?? 'taken')
      if (!batch.chained && batch.fault !== undefined) {
        for (const delivery of deliveries) delivery.refuse(link.sequence, batch.fault, 1)
        this.#deps.onFork(pending)
        continue
      }
      lane.settle(run, link)
      const counts = settled.get(run) ?? new Map<Delivery, number>()
      for (const delivery of deliveries) counts.set(delivery, (counts.get(delivery) ?? 0) + 1)
      settled.set(run, counts)
    }
    for (const [run, counts] of settled) {
      const { receipt } = receipts.get(run)!
      for (const [delivery, count] of counts) delivery.acknowledge(receipt, count)
    }
  }

  /** What follows a lost batch cannot stay either: everything pending is given back to its agents. */
  #abandon(fault: Fault, declarers: ReadonlySet<Delivery>): void {
    this.#deps.logger.error({ fault, batches: this.#pending.size }, 'insert given up; agents send again')
    this.#queue.clear()
    const abandoned = [...this.#pending.values()]
    this.#pending.clear()
    for (const { lane } of abandoned) lane.reset()
    for (const { deliveries, link } of abandoned) {
      this.#deps.telemetry.batch(fault.code)
      for (const delivery of deliveries) delivery.refuse(link.sequence, fault, 1)
    }
    for (const delivery of declarers.union(this.#declarers)) delivery.refuse(0n, fault, 0)
    this.#declarers.clear()
  }
}

interface Signed {
  readonly receipt: SignedReceipt
  /** The last batch that it covers. */
  readonly last: AdmittedBatch
}

function nameOf({ digest }: AdmittedBatch): Hex {
  return digest.toHex()
}

function withReceipts({ streams, batches }: CommitGroup, receipts: ReadonlyMap<Run, Signed>): CommitGroup {
  const bytes = new Map(
    receipts.values().map(({ receipt, last }) => [last, toBinary(SignedReceiptSchema, receipt)]),
  )
  return {
    streams,
    batches: batches.map((batch) => {
      const receipt = bytes.get(batch)
      return receipt === undefined ? batch : { ...batch, receipt }
    }),
  }
}
