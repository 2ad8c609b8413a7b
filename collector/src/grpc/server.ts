import { readFile } from 'node:fs/promises'
import { Server, ServerCredentials, logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { isLoopback } from '../config.ts'

/** How the server shows who it is. */
export interface TlsFiles {
  /** 'off' is taken on loopback only. */
  readonly tls: 'on' | 'off'
  readonly tlsCertFile: string | undefined
  readonly tlsKeyFile: string | undefined
}

/** Above the largest batch, so that one slightly too large gets an answer that says so. */
const FRAME_SLACK_BYTES = 64 * 1024

/** A gRPC server with the bounds of this service; services are added by the caller. */
export function createGrpcServer(batchBytesMax: number): Server {
  // Its errors come to us; what it prints itself is no JSON.
  setLogVerbosity(logVerbosity.NONE)
  return new Server({
    'grpc.max_receive_message_length': batchBytesMax + FRAME_SLACK_BYTES,
    'grpc.max_concurrent_streams': 16,
    'grpc.max_connection_idle_ms': 600_000,
    // Also what a peer that never reads to the end of its calls can hold is let go.
    'grpc.max_connection_age_ms': 3_600_000,
    'grpc.max_connection_age_grace_ms': 60_000,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 20_000,
    'grpc.enable_channelz': 0,
  })
}

/** Server credentials. Faults: CONFIG_MISSING, CONFIG_INVALID. */
export async function serverCredentials(listen: string, files: TlsFiles): Promise<Result<ServerCredentials>> {
  if (files.tls === 'off') {
    if (isLoopback(listen)) return ok(ServerCredentials.createInsecure())
    return fail('CONFIG_INVALID', `VOUCH_TLS=off is for loopback only, and ${listen} is not`, {
      pointer: 'VOUCH_TLS',
    })
  }
  if (files.tlsCertFile === undefined || files.tlsKeyFile === undefined) {
    return fail(
      'CONFIG_MISSING',
      'set VOUCH_TLS_CERT_FILE and VOUCH_TLS_KEY_FILE, or VOUCH_TLS=off on loopback',
    )
  }
  try {
    const [certificate, key] = await Promise.all([readFile(files.tlsCertFile), readFile(files.tlsKeyFile)])
    return ok(ServerCredentials.createSsl(null, [{ cert_chain: certificate, private_key: key }]))
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the TLS certificate or key cannot be used: ${message}`)
  }
}

/** Binds a server; port 0 takes a free one. Gives host:port. Fault: PORT_IN_USE. */
export async function bind(
  server: Server,
  listen: string,
  credentials: ServerCredentials,
): Promise<Result<string>> {
  return new Promise((resolve) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) resolve(ok(listen.replace(/:\d+$/, `:${port}`)))
      else
        resolve(
          fail(
            'PORT_IN_USE',
            `cannot listen on ${listen} (${reasonOf(error)}); set VOUCH_COLLECTOR_LISTEN to a free address`,
          ),
        )
    })
  })
}

/** grpc-js wraps the system's error code in a sentence about resolvers. */
function reasonOf({ message }: Error): string {
  return /\bE[A-Z]{4,}\b/.exec(message)?.[0] ?? message
}
