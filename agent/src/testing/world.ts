import type { Clock, Look, Source } from '../ports.ts'

/** Virtual time, a counter, and a gauge. */
export class World implements Clock, Source {
  readonly bootId = new Uint8Array(16).fill(9)
  readonly name = 'world'
  now = 0
  counter = 1000n
  readonly #resource: string

  constructor(resource = 'host:a') {
    this.#resource = resource
  }

  wallMs = (): number => 1_800_000_000_000 + this.now
  monotonicMs = (): number => this.now
  boottimeMs = (): number => this.now

  pass(ms: number, amount: bigint): this {
    this.now += ms
    this.counter += amount
    return this
  }

  look(): Promise<readonly Look[]> {
    const resource = this.#resource
    const samples = [
      { resource, meter: 'host.cpu.used', value: this.counter },
      { resource, meter: 'host.memory.held', value: 1024n * 1024n },
    ]
    return Promise.resolve([{ samples }])
  }
}
