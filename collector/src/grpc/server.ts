import { Server, ServerInterceptingCall, logVerbosity, setLogVerbosity, status } from '@grpc/grpc-js'
import type { ServerInterceptor } from '@grpc/grpc-js'
import type { Strangers } from './strangers.ts'

/** Bounds of a gRPC server. */
export interface ServerLimits {
  /** Largest signed batch, octets. */
  readonly batchBytesMax: number
  /** Life of a conversation, milliseconds. */
  readonly connectionAgeMaxMs: number
  /** Time for a request to arrive whole, milliseconds. */
  readonly requestMs: number
}

/** Above the largest batch, so that one slightly too large gets an answer that says so. */
const FRAME_SLACK_BYTES = 64 * 1024

/** A connection outlives its conversation, with its jitter, by this and a quarter of its age. */
const AGE_SLACK_MS = 600_000

/** A gRPC server with the bounds of this service; services are added by the caller. */
export function createGrpcServer(
  { batchBytesMax, connectionAgeMaxMs, requestMs }: ServerLimits,
  strangers: Strangers,
): Server {
  // Its errors come to us; what it prints itself is no JSON.
  setLogVerbosity(logVerbosity.NONE)
  return new Server({
    interceptors: [guard(strangers, requestMs)],
    'grpc.max_receive_message_length': batchBytesMax + FRAME_SLACK_BYTES,
    'grpc.max_concurrent_streams': 16,
    'grpc.max_connection_idle_ms': 600_000,
    // Conversations end by themselves before; this lets go of a peer that never reads to the end of its calls.
    'grpc.max_connection_age_ms': Math.round(connectionAgeMaxMs * 1.25) + AGE_SLACK_MS,
    'grpc.max_connection_age_grace_ms': 60_000,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.enable_channelz': 0,
  })
}

/** A request of one message that trickles in would be held for as long as the connection; a stream has its hello. */
function guard(strangers: Strangers, requestMs: number): ServerInterceptor {
  return ({ requestStream }, call) => {
    strangers.call(call.getPeer())
    if (requestStream) return new ServerInterceptingCall(call)
    const timer = setTimeout(
      () =>
        call.sendStatus({ code: status.DEADLINE_EXCEEDED, details: 'the request did not arrive in time' }),
      requestMs,
    )
    const arrived = (): void => clearTimeout(timer)
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          // Not with the message: the handler is called when the peer has ended its side.
          onReceiveHalfClose: (pass) => {
            arrived()
            pass()
          },
          onCancel: arrived,
        }),
      sendStatus: (ended, pass) => {
        arrived()
        pass(ended)
      },
    })
  }
}
