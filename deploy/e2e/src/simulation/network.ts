import { create } from '@bufbuild/protobuf'
import { SignedBatchSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { Dice } from './dice.ts'
import { Link } from './link.ts'
import type { VirtualTime } from './virtual-time.ts'

/** All connections, and what goes wrong between agents and collectors. */
export class Network {
  readonly dice: Dice
  readonly after: VirtualTime['after']
  /** Longest way of a frame, and longest time until an end notices that the other is gone, milliseconds. */
  delayMaxMs = 20
  noticeMaxMs = 50_000
  /** Probability that a batch comes twice, or altered. */
  duplicate = 0
  alter = 0
  /** Batches that were altered on their way. */
  altered = 0
  readonly #time: VirtualTime
  readonly #partitions = new Set<string>()
  #links: Link[] = []
  #opened = 0

  constructor(time: VirtualTime, dice: Dice) {
    this.#time = time
    this.dice = dice
    this.after = time.after
  }

  get nowMs(): number {
    return this.#time.nowMs
  }

  /** When a frame that is sent now arrives. */
  arrivalMs(): number {
    return this.nowMs + this.dice.between(1, this.delayMaxMs)
  }

  /** Opens a connection. */
  open(agent: string, collector: string): Link {
    this.#links = this.#links.filter((link) => !link.over)
    const link = new Link(`${agent}>${collector}#${++this.#opened}`, `${agent}>${collector}`, this)
    this.#links.push(link)
    return link
  }

  /** Breaks one of the open connections. */
  breakOne(): string | undefined {
    const open = this.#links.filter((link) => !link.over)
    if (open.length === 0) return undefined
    const link = this.dice.pick(open)
    link.sever()
    return link.name
  }

  isPartitioned(route: string): boolean {
    return this.#partitions.has(route)
  }

  /** Nothing passes between the two for a while. */
  partition(route: string, forMs: number): void {
    this.#partitions.add(route)
    this.after(forMs, () => this.#join(route))
  }

  /** All faults of the network end. */
  heal(): void {
    for (const route of this.#partitions) this.#join(route)
    Object.assign(this, { delayMaxMs: 20, duplicate: 0, alter: 0 })
  }

  duplicates(): boolean {
    return this.dice.chance(this.duplicate)
  }

  /** A batch as it comes out at the other end. */
  passed(batch: SignedBatch): SignedBatch {
    if (!this.dice.chance(this.alter)) return batch
    this.altered++
    const field = this.dice.pick(['header', 'body', 'signature', 'keyId'] as const)
    const bytes = batch[field].slice()
    const at = this.dice.between(0, bytes.length - 1)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.dice.between(0, 7))
    return create(SignedBatchSchema, { ...batch, [field]: bytes })
  }

  #join(route: string): void {
    this.#partitions.delete(route)
    for (const link of this.#links) link.resume()
  }
}
