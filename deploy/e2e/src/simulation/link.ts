import type { Wire, WireWatcher } from '@vouch/collector/session/wire.ts'
import type { Frames, FramesListener } from '@vouch/agent/grpc/frames.ts'
import { create } from '@bufbuild/protobuf'
import { CollectorFrameSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { AgentFrame, CollectorFrame } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { Channel } from './channel.ts'
import type { Network } from './network.ts'

/** Frames that one end has not read beyond which the other holds back. */
const CONGESTED_FRAMES = 4

type ToCollector = AgentFrame['kind'] | 'cancelled'
type ToAgent = CollectorFrame['kind'] | { readonly ended: Fault | undefined }

/** One connection: frames keep their order, and either end may learn late, or never, that the other is gone. */
export class Link {
  readonly name: string
  /** The collector's end, and the agent's. */
  readonly wire: Wire
  readonly frames: Frames
  readonly #network: Network
  readonly #toCollector: Channel<ToCollector>
  readonly #toAgent: Channel<ToAgent>
  #listener: FramesListener | undefined
  #inbox: AgentFrame['kind'][] = []
  #waiter: PromiseWithResolvers<AgentFrame['kind'] | undefined> | undefined
  #watcher: WireWatcher | undefined
  #agentOpen = true
  #collectorOpen = true

  constructor(name: string, route: string, network: Network) {
    this.name = name
    this.#network = network
    this.#toCollector = new Channel(network, route, (frame) => this.#arriveAtCollector(frame))
    this.#toAgent = new Channel(network, route, (frame) => this.#arriveAtAgent(frame))
    this.wire = this.#makeWire()
    this.frames = this.#makeFrames()
  }

  /** True once both ends know that it is over. */
  get over(): boolean {
    return !this.#agentOpen && !this.#collectorOpen
  }

  /** Delivers what a partition held up. */
  resume(): void {
    this.#toCollector.drain()
    this.#toAgent.drain()
  }

  /** Nothing passes any more; the ends notice in their own time. */
  sever(): void {
    const { dice } = this.#network
    this.#toCollector.cut(dice.chance(0.5))
    this.#toAgent.cut(dice.chance(0.5))
    if (dice.chance(0.7)) this.#network.after(dice.between(0, 3_000), () => this.#lostByAgent())
    this.#network.after(dice.between(0, this.#network.noticeMaxMs), () => this.#lostByCollector())
  }

  /** The agent's process is gone. What it wrote before may still arrive. */
  agentDied(): void {
    this.#agentOpen = false
    this.sever()
  }

  /** The collector's process is gone. */
  collectorDied(): void {
    this.#collectorOpen = false
    const { dice } = this.#network
    this.#toCollector.cut(false)
    this.#toAgent.cut(dice.chance(0.5))
    if (dice.chance(0.9)) this.#network.after(dice.between(0, 2_000), () => this.#lostByAgent())
  }

  #makeWire(): Wire {
    const congested = (): boolean => this.#toAgent.waiting > CONGESTED_FRAMES
    return {
      peer: this.name,
      get congested() {
        return congested()
      },
      next: () => this.#next(),
      send: (kind) => {
        if (this.#collectorOpen) this.#toAgent.send(kind)
      },
      end: (fault) => {
        if (!this.#collectorOpen) return
        this.#toAgent.send({ ended: fault })
        this.#closeCollector()
      },
      watch: (watcher) => {
        this.#watcher = watcher
      },
    }
  }

  #makeFrames(): Frames {
    return {
      send: (kind) => {
        if (this.#agentOpen) this.#write(kind)
      },
      isCongested: () => this.#toCollector.waiting > CONGESTED_FRAMES,
      end: () => {
        if (!this.#agentOpen) return
        this.#agentOpen = false
        this.#toCollector.send('cancelled')
      },
      listen: (listener) => {
        this.#listener = listener
      },
    }
  }

  #write(kind: AgentFrame['kind']): void {
    if (kind.case !== 'batch') return this.#toCollector.send(kind)
    this.#toCollector.send({ ...kind, value: this.#network.passed(kind.value) })
    if (this.#network.duplicates()) this.#toCollector.send(kind)
    return undefined
  }

  #next(): Promise<AgentFrame['kind'] | undefined> {
    const frame = this.#inbox.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (!this.#collectorOpen) return Promise.reject(new Error('the connection is gone'))
    this.#waiter = Promise.withResolvers()
    return this.#waiter.promise
  }

  #arriveAtCollector(frame: ToCollector): void {
    if (!this.#collectorOpen) return
    if (frame === 'cancelled') return this.#lostByCollector()
    if (this.#waiter === undefined) this.#inbox.push(frame)
    else this.#waiter.resolve(frame)
    this.#waiter = undefined
    if (this.#agentOpen && this.#toCollector.waiting <= CONGESTED_FRAMES) this.#listener?.relieved()
  }

  #arriveAtAgent(frame: ToAgent): void {
    if (!this.#agentOpen) return
    if ('ended' in frame) {
      this.#endAgent(frame.ended)
    } else this.#listener?.frame(create(CollectorFrameSchema, { kind: frame }))
    if (this.#toAgent.waiting <= CONGESTED_FRAMES) this.#watcher?.relieved()
  }

  #lostByAgent(): void {
    if (this.#agentOpen) this.#endAgent(fail('UNAVAILABLE', 'connection lost').fault)
  }

  #endAgent(fault?: Fault): void {
    this.#agentOpen = false
    this.#listener?.ended(fault)
  }

  #lostByCollector(): void {
    if (!this.#collectorOpen) return
    this.#watcher?.gone()
    this.#closeCollector()
  }

  #closeCollector(): void {
    this.#collectorOpen = false
    this.#inbox = []
    this.#waiter?.reject(new Error('the connection is gone'))
    this.#waiter = undefined
    this.#watcher?.relieved()
  }
}
