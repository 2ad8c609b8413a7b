import { IngestService } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { makeClient } from '@vouch/proto/wire/grpc.ts'
import { SYSTEM_TIMER } from './answer-timer.ts'
import { channelTo } from './channel.ts'
import type { Target } from './channel.ts'
import { Delivery } from './delivery.ts'
import type { DeliveryOptions, Sender } from './delivery.ts'
import { pushFrames } from './frames.ts'
import type { Frames } from './frames.ts'

/** Starts delivering over connections of our own. Faults: CONFIG_INVALID. */
export function startSender(target: Target, options: DeliveryOptions): Result<Sender> {
  const channel = channelTo(target)
  if (!channel.ok) return channel
  const { credentials, options: channelOptions } = channel.value
  const loop = new DeliveryLoop(options, () => {
    const client = makeClient(IngestService, target.address, credentials, channelOptions)
    return { frames: pushFrames(client.push()), close: () => client.close() }
  })
  const done = loop.run()
  const { delivery } = loop
  return ok({
    notify: () => delivery.notify(),
    flush: (timeoutMs) => delivery.flush(timeoutMs),
    fault: () => delivery.fault,
    heard: () => delivery.heard(),
    stop: async () => {
      loop.stop()
      await done
    },
  })
}

/** A connection that has been dialled. */
export interface Dialled {
  readonly frames: Frames
  readonly close: () => void
}

/** Delivers over connections that it dials one after another. */
export class DeliveryLoop {
  readonly delivery: Delivery
  readonly #options: DeliveryOptions
  readonly #dial: () => Dialled
  readonly #stopping = new AbortController()

  constructor(options: DeliveryOptions, dial: () => Dialled) {
    this.delivery = new Delivery(options)
    this.#options = options
    this.#dial = dial
  }

  async run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // Each connection is dialled anew: the name may lead to another collector by now.
      const { frames, close } = this.#dial()
      const pauseMs = await this.delivery.converse(frames)
      close()
      if (pauseMs > 0) await this.#pause(pauseMs)
    }
  }

  stop(): void {
    this.#stopping.abort()
    this.delivery.stop()
  }

  /** Resolves early, not at all badly, when the sender is stopped. */
  #pause(ms: number): Promise<void> {
    const { timer = SYSTEM_TIMER } = this.#options
    const { promise, resolve } = Promise.withResolvers<void>()
    const callOff = timer(ms, resolve)
    const { signal } = this.#stopping
    const stop = (): void => resolve()
    signal.addEventListener('abort', stop)
    return promise.finally(() => {
      callOff()
      signal.removeEventListener('abort', stop)
    })
  }
}
