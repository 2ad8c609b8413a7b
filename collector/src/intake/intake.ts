import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { openBatch } from '@vouch/proto/seal/batch.ts'
import type { OpenedBatch } from '@vouch/proto/seal/batch.ts'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import type { BodyLimits } from '@vouch/proto/wire/body.ts'
import { LRUCache } from 'lru-cache'
import { compareClocks } from '../ingest/clock.ts'
import type { ClockLimits } from '../ingest/clock.ts'
import { Epochs } from '../ingest/epochs.ts'
import type { Claim } from '../ingest/sequence.ts'
import type { DeclaredStreams } from '../ingest/streams.ts'
import { undeclaredFault } from '../ingest/undeclared.ts'
import { validateReadings } from '../ingest/validate.ts'
import type { ReadingLimits } from '../ingest/validate.ts'
import type { AgentKeyState } from '../fleet/ports.ts'
import type { AdmittedBatch, Archive, EpochKey, Hex, Link, Logger, Telemetry } from '../ports.ts'
import type { Committer, Delivery } from './committer.ts'
import { judgePlace } from './facts.ts'
import { admitsLoss, chainFaultOf, isOrphan } from './faults.ts'
import type { Lane, Run } from './lane.ts'
import type { Receipts } from './receipt.ts'

/** A connection that brings batches. */
export interface Connection extends Delivery {
  readonly peer: string
  /** Tells this connection from every other. */
  readonly name: symbol
  readonly lane: Lane
  /** Streams declared on this connection. */
  readonly declared: Pick<DeclaredStreams, 'classes'>
  /** A key of the agent, in force or retired. */
  key(keyId: Uint8Array): Promise<Result<AgentKeyState>>
  /** One more batch waits for its receipt. */
  await(): void
}

/** Bounds of what is taken in. */
export interface IntakeLimits extends BodyLimits, ReadingLimits, ClockLimits {
  /** Bytes of a signed batch. */
  readonly batchBytesMax: number
  /** Epochs whose newest reading is remembered. */
  readonly epochsMax: number
  /** Connections that must bring the same batch without predecessor before it is set aside. */
  readonly orphanDeliveries: number
  /** And for how long, milliseconds. */
  readonly orphanAgeMs: number
}

/** What the intake works with. */
export interface IntakeDeps {
  readonly archive: Archive
  readonly committer: Committer
  readonly receipts: Receipts
  readonly limits: IntakeLimits
  /** Of hash tables, different in each process. */
  readonly seed: number
  readonly logger: Logger
  readonly telemetry: Telemetry
  readonly now: () => number
}

const ORPHANS_MAX = 1_000
/** Epochs asked for at once. */
const RECALL_MAX = 2_000

/** What the readings of a batch are worth. */
type Read = Pick<AdmittedBatch, 'columns' | 'classes' | 'fault'>

/** A batch refused for want of the one before it: since when, and over which connections. */
interface Orphan {
  readonly sinceMs: number
  readonly connections: Set<symbol>
}

/** Takes batches in: authenticity, place in the chain, readings, then the queue to the archive. */
export class Intake {
  readonly #deps: IntakeDeps
  readonly #epochs: Epochs
  /** Batches whose predecessor is missing, by digest. */
  readonly #orphans = new LRUCache<Hex, Orphan>({ max: ORPHANS_MAX })

  constructor(deps: IntakeDeps) {
    this.#deps = deps
    this.#epochs = new Epochs(deps.limits.epochsMax, deps.seed)
  }

  /**
   * Admits one batch: it is queued, acknowledged again, or refused. What is not authentic is refused
   * and leaves no trace; what is authentic but wrong goes to quarantine, so nothing signed is lost.
   */
  async admit(connection: Connection, signed: SignedBatch): Promise<void> {
    await this.#deps.committer.room()
    const opened = await this.#open(connection, signed)
    if (!opened.ok) {
      this.#refuse(connection, 0n, opened.fault)
      return
    }
    const { sequence } = opened.value.header
    const admitted = await connection.lane.alone(() => this.#place(connection, signed, opened.value))
    if (!admitted.ok) this.#refuse(connection, sequence, admitted.fault)
  }

  #refuse(connection: Connection, sequence: bigint, fault: Fault): void {
    this.#deps.telemetry.batch(fault.code)
    connection.refuse(sequence, fault, 0)
  }

  async #open(connection: Connection, signed: SignedBatch): Promise<Result<OpenedBatch>> {
    const { limits } = this.#deps
    const bytes = signed.header.length + signed.body.length
    if (bytes > limits.batchBytesMax) {
      return fail(
        'BATCH_TOO_LARGE',
        `the batch has ${bytes} bytes; at most ${limits.batchBytesMax} are taken`,
      )
    }
    const key = await connection.key(signed.keyId)
    if (!key.ok) return key
    const opened = openBatch(signed, key.value.publicKey)
    if (!opened.ok) return opened
    const { header } = opened.value
    if (header.agentId.toHex() !== connection.lane.agentId.toHex()) {
      return fail('BATCH_MALFORMED', 'the batch names another agent than the connection that brings it')
    }
    const { retiredMs } = key.value
    if (retiredMs !== undefined && Number(header.clock!.wallMs) > retiredMs + limits.aheadMaxMs) {
      return fail('KEY_RETIRED', 'the batch was sealed by a key after that key had been rotated away')
    }
    return opened
  }

  async #place(connection: Connection, signed: SignedBatch, opened: OpenedBatch): Promise<Result<void>> {
    const { lane } = connection
    const { header } = opened
    const { generation } = lane
    const claim: Claim = {
      sequence: header.sequence,
      digest: opened.digest.toHex(),
      previous: header.previousDigest.toHex(),
    }
    if (this.#isPending(connection, claim)) return ok(undefined)
    const place = await judgePlace(lane, header, claim, this.#deps.archive, this.#deps.now())
    if (!place.ok) return place
    const { run, verdict } = place.value
    if (verdict.kind === 'duplicate') {
      this.#acknowledgeAgain(connection, run, header.runId, claim)
      return ok(undefined)
    }
    if (isOrphan(verdict) && !this.#isLost(connection, claim)) {
      const first = verdict.kind === 'gap' ? `batch ${verdict.expected}` : 'the run before this one'
      return fail('SEQUENCE_GAP', `send ${first} before batch ${claim.sequence}`)
    }
    const chainFault = chainFaultOf(verdict, claim)
    const read = await this.#read(connection, opened, chainFault)
    if (!read.ok) return read
    // Meanwhile an insert may have failed, and what this batch builds on with it.
    if (lane.generation !== generation)
      return fail('UNAVAILABLE', 'the batch before this one was not stored; send both again')
    const chained = verdict.kind !== 'fork'
    const batch = { ...this.#describe(connection, signed, opened), ...read.value, chained }
    lane.readings.spend(batch.columns?.timeMs.length ?? 0, batch.receivedMs)
    if (chained) {
      lane.advance(run, claim, claim.previous)
      lane.observer.batch(batch)
    }
    connection.await()
    const deliveries = new Set<Delivery>([connection])
    this.#deps.committer.add({ batch, link: claim, lane, run, deliveries })
    return ok(undefined)
  }

  /** A batch that is on its way already is answered when it has arrived. */
  #isPending(connection: Connection, { digest }: Claim): boolean {
    const pending = this.#deps.committer.pending(digest)
    if (pending === undefined) return false
    this.#deps.telemetry.batch('duplicate')
    if (!pending.deliveries.has(connection)) connection.await()
    pending.deliveries.add(connection)
    return true
  }

  /** Names the very batch: an agent put back to an older state does not know the last one that is durable. */
  #acknowledgeAgain(connection: Connection, run: Run, runId: Uint8Array, upTo: Link): void {
    this.#deps.telemetry.batch('duplicate')
    if (run.durable === undefined) throw new Error('a batch is neither pending nor durable')
    const durable = { agentId: connection.lane.agentId, runId, upTo, quarantined: [] }
    connection.acknowledge(this.#deps.receipts({ ...durable, receivedMs: this.#deps.now() }), 0)
  }

  /** Brought often and long enough without the batch before it, that one will not come any more. */
  #isLost(connection: Connection, { digest }: Claim): boolean {
    const nowMs = this.#deps.now()
    const orphan = this.#orphans.get(digest) ?? { sinceMs: nowMs, connections: new Set() }
    orphan.connections.add(connection.name)
    this.#orphans.set(digest, orphan)
    const { orphanDeliveries, orphanAgeMs } = this.#deps.limits
    return orphan.connections.size >= orphanDeliveries && nowMs - orphan.sinceMs >= orphanAgeMs
  }

  /** Decodes and checks the readings. A failure here is of the archive; faults of the readings are values. */
  async #read(
    connection: Connection,
    opened: OpenedBatch,
    chainFault: Fault | undefined,
  ): Promise<Result<Read>> {
    const decoded = decodeBody(opened.body, this.#deps.limits)
    if (!decoded.ok) return ok({ columns: undefined, classes: [], fault: chainFault ?? decoded.fault })
    const columns = decoded.value
    const excused =
      chainFault?.code === 'CHAIN_BROKEN' && opened.header.sequence === 1n && admitsLoss(columns)
    if (chainFault !== undefined && !excused) return ok({ columns, classes: [], fault: chainFault })
    const classes = connection.declared.classes(columns.streamIds)
    if (typeof classes === 'number')
      return ok({ columns, classes: [], fault: undeclaredFault(columns, classes) })
    const receivedMs = this.#deps.now()
    const clockFault = this.#compareClocks(connection, opened, receivedMs)
    if (clockFault !== undefined) return ok({ columns, classes, fault: clockFault })
    const valid = validateReadings(columns, receivedMs, this.#deps.limits)
    if (!valid.ok) return ok({ columns, classes, fault: valid.fault })
    let rising = this.#epochs.advance(columns, false)
    if (rising.ok && rising.value.length > 0) {
      const recalled = await this.#recall(rising.value)
      if (!recalled.ok) return recalled
      rising = this.#epochs.advance(columns, true)
    }
    return ok({ columns, classes, fault: rising.ok ? undefined : rising.fault })
  }

  #compareClocks(connection: Connection, { header }: OpenedBatch, receivedMs: number): Fault | undefined {
    const clock = compareClocks(Number(header.clock!.wallMs), receivedMs, this.#deps.limits)
    if (clock.judgement === 'fine') return undefined
    const agent = connection.lane.agentId.toHex()
    this.#deps.logger.warn({ agent, offsetMs: clock.offsetMs }, `agent's clock: ${clock.judgement}`)
    if (clock.judgement !== 'ahead') return undefined
    const message = `the host's clock is ${-clock.offsetMs} ms ahead of the collector's; synchronise both`
    return fail('CLOCK_OFFSET', message).fault
  }

  /** Asks the archive for the newest readings of the epochs that are not in memory. */
  async #recall(unknown: readonly EpochKey[]): Promise<Result<void>> {
    for (let from = 0; from < unknown.length; from += RECALL_MAX) {
      const asked = unknown.slice(from, from + RECALL_MAX)
      const readings = await this.#deps.archive.lastReadings(asked)
      if (!readings.ok) return readings
      asked.forEach((key, index) => {
        const reading = readings.value[index]
        if (reading !== undefined) this.#epochs.learn(key, reading)
      })
    }
    return ok(undefined)
  }

  #describe(
    connection: Connection,
    signed: SignedBatch,
    { header, digest }: OpenedBatch,
  ): Omit<AdmittedBatch, 'columns' | 'classes' | 'fault' | 'chained'> {
    return {
      agentId: header.agentId,
      runId: header.runId,
      sequence: header.sequence,
      digest,
      previous: header.previousDigest,
      header: signed.header,
      body: signed.body,
      signature: signed.signature,
      keyId: signed.keyId,
      final: header.final,
      policyVersion: header.policyVersion,
      wallMs: Number(header.clock!.wallMs),
      receivedMs: this.#deps.now(),
      peer: connection.peer,
    }
  }
}
