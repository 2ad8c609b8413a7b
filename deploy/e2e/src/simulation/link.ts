import type { Wire, WireWatcher } from '@vouch/collector/session/wire.ts'
import type { FrameStream } from '@vouch/agent/grpc/push.ts'
import { create } from '@bufbuild/protobuf'
import { CollectorFrameSchema, PushResponseSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { AgentFrame, CollectorFrame, PushRequest } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { faultToStatus } from '@vouch/proto/wire/grpc.ts'
import { Channel } from './channel.ts'
import type { Network } from './network.ts'

/** Frames that the agent has not read beyond which the collector holds back. */
const CONGESTED_FRAMES = 4

type ToCollector = AgentFrame['kind'] | 'cancelled'
type ToAgent = CollectorFrame['kind'] | { readonly ended: Fault | undefined }

/** One connection: frames keep their order, and either end may learn late, or never, that the other is gone. */
export class Link {
  readonly name: string
  /** The collector's end, and the agent's. */
  readonly wire: Wire
  readonly stream: FrameStream
  readonly #network: Network
  readonly #toCollector: Channel<ToCollector>
  readonly #toAgent: Channel<ToAgent>
  readonly #listeners = new Map<string, (value: unknown) => void>()
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
    this.stream = this.#makeStream()
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

  /** The part of grpc's stream that an agent's connection uses. */
  #makeStream(): FrameStream {
    const stream = {
      on: (event: string, listener: (value: unknown) => void) => {
        this.#listeners.set(event, listener)
        return stream
      },
      write: ({ frame }: PushRequest) => {
        if (this.#agentOpen && frame !== undefined) this.#write(frame.kind)
        return true
      },
      cancel: () => {
        if (!this.#agentOpen) return
        this.#agentOpen = false
        this.#toCollector.send('cancelled')
      },
    }
    return stream as unknown as FrameStream
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
  }

  #arriveAtAgent(frame: ToAgent): void {
    if (!this.#agentOpen) return
    if ('ended' in frame) {
      if (frame.ended === undefined) this.#endAgent('end')
      else this.#endAgent('error', faultToStatus(frame.ended))
    } else {
      const message = create(PushResponseSchema, { frame: create(CollectorFrameSchema, { kind: frame }) })
      this.#listeners.get('data')?.(message)
    }
    if (this.#toAgent.waiting <= CONGESTED_FRAMES) this.#watcher?.relieved()
  }

  #lostByAgent(): void {
    if (this.#agentOpen) this.#endAgent('error', faultToStatus(fail('UNAVAILABLE', 'connection lost').fault))
  }

  #endAgent(event: 'end' | 'error', value?: unknown): void {
    this.#agentOpen = false
    this.#listeners.get(event)?.(value)
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
