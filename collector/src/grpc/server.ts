import { Server, logVerbosity, setLogVerbosity } from '@grpc/grpc-js'

/** Above the largest batch, so that one slightly too large gets an answer that says so. */
const FRAME_SLACK_BYTES = 64 * 1024

/** A connection outlives its conversation, with its jitter, by this and a quarter of its age. */
const AGE_SLACK_MS = 600_000

/** A gRPC server with the bounds of this service; services are added by the caller. */
export function createGrpcServer(batchBytesMax: number, connectionAgeMaxMs: number): Server {
  // Its errors come to us; what it prints itself is no JSON.
  setLogVerbosity(logVerbosity.NONE)
  return new Server({
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
