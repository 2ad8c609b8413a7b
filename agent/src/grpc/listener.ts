import { setTimeout } from 'node:timers/promises'
import { AgentService } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { Call } from '@vouch/proto/wire/http2/call.ts'
import { pathOf } from '@vouch/proto/wire/http2/route.ts'
import { serveGrpc } from '@vouch/proto/wire/http2/server.ts'
import { statusOf } from '@vouch/proto/wire/http2/status.ts'
import { Strangers } from '@vouch/proto/wire/http2/strangers.ts'
import { Delivery } from './delivery.ts'
import type { DeliveryOptions, Sender } from './delivery.ts'
import { doorCredentials } from './door.ts'
import type { Door } from './door.ts'
import { pullFrames } from './frames.ts'

/** A sender that is dialled. */
export interface Listener extends Sender {
  /** With its real port. */
  readonly address: string
}

/** Time for collectors to take notice of a stop, milliseconds. */
const STOP_MS = 1_000
/** Without a collector for so long, delivery is hindered: milliseconds. */
const ALONE_MS = 30_000
/** Sockets whose peer has not shown that it is the collector; a newer one replaces the oldest. */
const STRANGERS_MAX = 16
/** What one of them may send, octets, and the time that it has to open a call, milliseconds. */
const STRANGER_BYTES_MAX = 65_536
const STRANGER_SILENT_MS = 10_000
/** Largest frame of a collector, octets: a receipt that names every batch of a window as quarantined is smaller. */
const FRAME_BYTES_MAX = 1_048_576
/** The collector says when a connection is old. */
const CONNECTION_AGE_MAX_MS = 30 * 86_400_000

/** Starts delivering over connections that collectors make. Faults: CONFIG_MISSING, CONFIG_INVALID, PORT_IN_USE. */
export async function startListener(door: Door, options: DeliveryOptions): Promise<Result<Listener>> {
  const credentials = await doorCredentials(door)
  if (!credentials.ok) return credentials
  const strangers = new Strangers({
    socketsMax: STRANGERS_MAX,
    bytesMax: STRANGER_BYTES_MAX,
    silentMs: STRANGER_SILENT_MS,
  })
  const delivery = new Delivery(options)
  let aloneSinceMs = performance.now()
  const take = async (call: Call): Promise<void> => {
    let isKnown = false
    const welcomed = (): void => {
      isKnown = true
      strangers.authenticate(call.peer)
    }
    await delivery.converse(pullFrames(call), welcomed)
    if (!isKnown) return
    strangers.part(call.peer, performance.now())
    aloneSinceMs = performance.now()
  }
  const answer = (call: Call): void => {
    take(call).catch((error: unknown) => {
      options.logger.error({ err: error }, 'a connection of a collector broke off')
      call.end(statusOf(fail('INTERNAL', 'the log of the agent says why').fault))
    })
  }
  const server = await serveGrpc({
    listenOn: door.address,
    setting: 'VOUCH_AGENT_PULL_LISTEN',
    ...credentials.value,
    routes: new Map([[pathOf(AgentService.method.pull), answer]]),
    limits: { batchBytesMax: FRAME_BYTES_MAX, connectionAgeMaxMs: CONNECTION_AGE_MAX_MS },
    strangers,
  })
  if (!server.ok) return server
  const { address } = server.value
  const alone = (): Fault | undefined =>
    delivery.isConnected || performance.now() - aloneSinceMs < ALONE_MS
      ? undefined
      : fail('UNAVAILABLE', `no collector dials ${address}`).fault
  return ok({
    address,
    notify: () => delivery.notify(),
    flush: (timeoutMs) => delivery.flush(timeoutMs),
    fault: () => delivery.fault ?? alone(),
    heard: () => delivery.heard(),
    ask: (question) => delivery.ask(question),
    stop: async () => {
      const closed = server.value.close()
      delivery.stop()
      await Promise.race([closed, setTimeout(STOP_MS)])
      server.value.destroy()
    },
  })
}
