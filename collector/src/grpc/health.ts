import type { Call } from '@vouch/proto/wire/http2/call.ts'
import type { Handler } from '@vouch/proto/wire/http2/route.ts'
import { STATUS } from '@vouch/proto/wire/http2/status.ts'
import type { Status } from '@vouch/proto/wire/http2/status.ts'
import { requestOf } from './unary.ts'

/** grpc.health.v1.Health; the request's service name makes no difference. Source: health.proto. */
export interface Health {
  readonly routes: readonly (readonly [string, Handler])[]
  /** Tells watchers that nothing is served any more, and ends their calls. */
  stop(): void
}

/** What the health service works with. */
export interface HealthDeps {
  readonly ready: () => Promise<boolean>
  /** Time for a request to arrive whole, milliseconds. */
  readonly requestMs: number
  /** Between two looks while somebody watches, milliseconds. */
  readonly watchMs?: number
}

/** Field 1 of HealthCheckResponse as a varint. */
const STATUS_TAG = 0x08
const SERVING = 1
const NOT_SERVING = 2
const WATCH_MS = 1_000
const STOPPED: Status = { code: STATUS.unavailable, details: 'the collector stops' }

/** Answers SERVING while `ready` says so; one look serves all who watch. */
export function createHealth({ ready, requestMs, watchMs = WATCH_MS }: HealthDeps): Health {
  /** Who watches, and what they were told last. */
  const watchers = new Map<Call, boolean>()
  let stopped = false
  let looking = false
  let timer: NodeJS.Timeout | undefined
  const isReady = async (): Promise<boolean> => !stopped && (await ready().catch(() => false))
  const tell = (call: Call, serving: boolean): void => {
    if (watchers.get(call) !== serving) call.write(answer(serving))
    watchers.set(call, serving)
  }
  const look = async (): Promise<void> => {
    // A store that hangs is not asked again and again.
    if (looking) return
    looking = true
    const serving = await isReady()
    looking = false
    for (const call of watchers.keys()) tell(call, serving)
  }
  const part = (call: Call): void => {
    watchers.delete(call)
    if (watchers.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
  const check = async (call: Call): Promise<void> => {
    if ((await requestOf(call, requestMs)) === undefined) return
    call.write(answer(await isReady()))
    call.end()
  }
  const watch = async (call: Call): Promise<void> => {
    if ((await requestOf(call, requestMs)) === undefined) return
    const serving = await isReady()
    if (call.over) return
    tell(call, serving)
    call.watch({ relieved: () => undefined, gone: () => part(call) })
    if (stopped) call.end(STOPPED)
    else timer ??= setInterval(() => void look(), watchMs)
  }
  return {
    routes: [
      ['/grpc.health.v1.Health/Check', (call) => void check(call)],
      ['/grpc.health.v1.Health/Watch', (call) => void watch(call)],
    ],
    stop: () => {
      stopped = true
      clearInterval(timer)
      for (const call of watchers.keys()) {
        tell(call, false)
        call.end(STOPPED)
      }
    },
  }
}

function answer(serving: boolean): Uint8Array {
  return Uint8Array.of(STATUS_TAG, serving ? SERVING : NOT_SERVING)
}
