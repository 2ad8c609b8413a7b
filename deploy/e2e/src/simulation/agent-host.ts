import { create } from '@bufbuild/protobuf'
import { DeliveryLoop } from '@vouch/agent/grpc/sender.ts'
import { MeteringRun } from '@vouch/agent/metering-run.ts'
import type { Logger } from '@vouch/agent/ports.ts'
import { LossReason, LossSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { CollectorProcess } from './collector-process.ts'
import { Device } from './device.ts'
import type { Dice } from './dice.ts'
import type { Ledger } from './ledger.ts'
import type { Link } from './link.ts'
import { ModelSpool } from './model-spool.ts'
import type { Network } from './network.ts'
import type { Tables } from './tables.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What agents run in. */
export interface AgentWorld {
  readonly time: VirtualTime
  readonly trace: Trace
  readonly network: Network
  readonly collectors: readonly CollectorProcess[]
  readonly ledger: Ledger
  readonly tables: Tables
  readonly collectorKey: Uint8Array
  /** What was seen that must never be. */
  readonly problem: (what: string) => void
  readonly spoolBytesMax: number
  readonly looksPerBatch: number
}

/** Who an agent is. */
export interface AgentIdentity {
  readonly agentId: Uint8Array
  readonly signer: Signer
}

const CADENCE_MS = 1_000
const BACKOFF = { baseMs: 200, capMs: 5_000 }
const ANSWER_TIMEOUT_MS = 20_000
const REFUSED_PAUSE_MS = 20_000

/** A host with an agent: the real metering run and the real delivery, on virtual time and a model of the disk. */
export class AgentHost {
  readonly name: string
  readonly identity: AgentIdentity
  readonly device: Device
  /** Probability that a connection goes to another collector than the one before, or that the disk is full. */
  moves = 0
  diskFull = 0
  /** Its disk was copied, put back, or lost: what its history says then is for the checks of such agents. */
  fate: 'honest' | 'lost' | 'copied' = 'honest'
  /** What makes spans and looks differ from what the device saw. */
  steps = 0
  /** It began a new history after it lost its spool. */
  beganAnew = false
  /** Digests of the batches that waited on disks which were lost or replaced, hexadecimal. */
  readonly gone = new Set<string>()
  readonly #world: AgentWorld
  readonly #dice: Dice
  #spool: ModelSpool
  #life: Life | undefined
  #collector: number

  constructor(name: string, identity: AgentIdentity, world: AgentWorld, dice: Dice, origin?: AgentHost) {
    this.name = name
    this.identity = identity
    this.#world = world
    this.#dice = dice
    this.device = new Device(origin?.device.resource ?? `host:${name}`, world.time, dice.fork())
    this.#spool = origin?.disk() ?? new ModelSpool(world.spoolBytesMax)
    this.#collector = dice.between(0, world.collectors.length - 1)
    this.start()
  }

  /** A copy of what is on the disk. */
  disk(): ModelSpool {
    return this.#spool.copy()
  }

  /** Digests of the batches that wait, hexadecimal. */
  waiting(): string[] {
    return this.#spool.waiting()
  }

  get spooled(): number {
    return this.#spool.usage().batches
  }

  /** Puts an older copy of the disk back. */
  restore(disk: ModelSpool): void {
    this.crash()
    this.#forget()
    this.#spool = disk
    this.fate = 'copied'
  }

  /** The spool cannot be read any more. */
  loseSpool(): void {
    this.crash()
    this.#forget()
    const toMs = BigInt(this.device.wallMs())
    const loss = create(LossSchema, { fromMs: toMs - 1n, toMs, reason: LossReason.SPOOL_CORRUPT })
    this.#spool = new ModelSpool(this.#world.spoolBytesMax, [loss])
    this.fate = this.fate === 'copied' ? 'copied' : 'lost'
    this.beganAnew = true
  }

  #forget(): void {
    for (const digest of this.waiting()) this.gone.add(digest)
  }

  crash(): void {
    if (this.#life === undefined) return
    this.#world.trace.note(this.name, 'dies')
    this.#life.end()
    this.#life = undefined
    this.device.processEnded()
    this.#world.time.after(this.#dice.between(100, 6_000), () => this.start())
  }

  reboot(): void {
    this.crash()
    this.device.reboot()
  }

  start(): void {
    if (this.#life !== undefined) return
    this.#spool = this.#spool.copy()
    this.#spool.hasRoom = () => !this.#dice.chance(this.diskFull)
    this.#watchSpool(this.#spool)
    this.#world.trace.note(this.name, `starts with ${this.spooled} batches`)
    this.#life = new Life(this, this.#spool, this.#world, this.#dice, () => this.#connect())
  }

  /** Ends metering in order; delivery goes on. */
  async finish(): Promise<void> {
    this.start()
    await this.#life?.finish()
  }

  /** Ends delivery too. */
  stop(): void {
    this.#life?.stop()
  }

  #watchSpool(spool: ModelSpool): void {
    const { ledger, tables, trace, problem } = this.#world
    spool.watcher = {
      appended: (sealed) => {
        this.device.sealed()
        ledger.add(this.identity.agentId.toHex(), sealed)
        trace.note(this.name, `seals ${nameOf(sealed)}`)
      },
      released: (batches) => {
        for (const batch of batches) {
          ledger.receipted(batch)
          trace.note(this.name, `has the receipt of ${nameOf(batch)}`)
          if (!tables.isKept(batch.digest.toHex()))
            problem(`${this.name} has a receipt for ${nameOf(batch)}, which is not stored`)
        }
      },
    }
  }

  #connect(): Link {
    const { collectors, network, trace } = this.#world
    if (this.#dice.chance(this.moves)) this.#collector = this.#dice.between(0, collectors.length - 1)
    const collector = collectors[this.#collector]!
    const link = network.open(this.name, collector.name)
    trace.note(this.name, `dials ${link.name}`)
    collector.accept(link)
    return link
  }
}

/** One life of an agent's process. */
class Life {
  readonly #host: AgentHost
  readonly #world: AgentWorld
  readonly #run: MeteringRun
  readonly #delivery: DeliveryLoop
  #alive = true
  #metering = true
  #looks = 0
  #link: Link | undefined

  constructor(host: AgentHost, spool: ModelSpool, world: AgentWorld, dice: Dice, connect: () => Link) {
    this.#host = host
    this.#world = world
    const { agentId, signer } = host.identity
    const runId = dice.bytes(16)
    const logger = this.#logger()
    const common = { spool, logger, runId, agentVersion: 'simulated', signer: () => signer }
    this.#run = new MeteringRun(
      {
        ...common,
        agentId,
        clock: host.device,
        sources: [host.device],
        onSealed: () => this.#delivery.delivery.notify(),
      },
      CADENCE_MS,
    )
    this.#delivery = new DeliveryLoop(
      {
        ...common,
        demandsProof: true,
        identity: { agentId, collectorPublicKey: world.collectorKey },
        backoff: BACKOFF,
        answerTimeoutMs: ANSWER_TIMEOUT_MS,
        refusedPauseMs: REFUSED_PAUSE_MS,
        followingSigner: () => undefined,
        promoteKey: () => false,
        onPolicy: () => {},
        wallMs: () => host.device.wallMs(),
        timer: (ms, act) => world.time.after(ms, () => this.#alive && act()),
        random: dice.fraction,
      },
      () => {
        const link = connect()
        this.#link = link
        return { frames: link.frames, close: () => {} }
      },
    )
    void this.#delivery.run()
    // Looks stand on whole seconds, as the level's integral is to be a whole number.
    const cadence = (): number => CADENCE_MS - (host.device.monotonicMs() % CADENCE_MS)
    const tick = (): void => {
      if (!this.#alive || !this.#metering) return
      void this.#look()
      world.time.after(cadence(), tick)
    }
    world.time.after(cadence() % CADENCE_MS, tick)
  }

  async #look(): Promise<void> {
    await this.#run.look()
    // The first look is sealed at once, as the agent does.
    if (this.#looks++ % this.#world.looksPerBatch === 0) this.#seal(false)
  }

  #seal(final: boolean): void {
    this.#run.seal(final)
  }

  async finish(): Promise<void> {
    if (!this.#metering) return
    this.#metering = false
    this.#seal(true)
    await Promise.resolve()
  }

  stop(): void {
    this.#delivery.stop()
  }

  end(): void {
    this.#alive = false
    this.#link?.agentDied()
  }

  #logger(): Logger {
    const note = (detail: object, message: string): void => {
      const { code } = detail as { readonly code?: string }
      if (this.#alive)
        this.#world.trace.note(this.#host.name, code === undefined ? message : `${code}: ${message}`)
    }
    return { debug: () => {}, info: () => {}, warn: note, error: note }
  }
}

function nameOf({ runId, sequence }: { readonly runId: Uint8Array; readonly sequence: bigint }): string {
  return `${runId.toHex().slice(0, 6)}/${sequence}`
}
