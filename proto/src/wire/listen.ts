import { readFile } from 'node:fs/promises'
import { ServerCredentials } from '@grpc/grpc-js'
import type { Server } from '@grpc/grpc-js'
import { isLoopback, withPort } from '../kernel/address.ts'
import { fail, ok } from '../kernel/fault.ts'
import type { Result } from '../kernel/fault.ts'

/** How a server shows who it is. */
export interface ServerTls {
  /** 'off' is taken on loopback only. */
  readonly tls: 'on' | 'off'
  /** Certificate chain, PEM. */
  readonly tlsCertFile: string | undefined
  /** Private key, PEM. */
  readonly tlsKeyFile: string | undefined
}

/** Credentials of a gRPC server. Faults: CONFIG_MISSING, CONFIG_INVALID. */
export async function serverCredentials(
  listen: string,
  files: ServerTls,
): Promise<Result<ServerCredentials>> {
  if (files.tls === 'off') {
    if (isLoopback(listen)) return ok(ServerCredentials.createInsecure())
    return fail('CONFIG_INVALID', `VOUCH_TLS=off is for loopback only, and ${listen} is not`, {
      pointer: 'VOUCH_TLS',
    })
  }
  const { tlsCertFile, tlsKeyFile } = files
  if (tlsCertFile === undefined || tlsKeyFile === undefined) {
    return fail(
      'CONFIG_MISSING',
      'set VOUCH_TLS_CERT_FILE and VOUCH_TLS_KEY_FILE, or VOUCH_TLS=off on loopback',
    )
  }
  try {
    const [certificate, key] = await Promise.all([readFile(tlsCertFile), readFile(tlsKeyFile)])
    return ok(ServerCredentials.createSsl(null, [{ cert_chain: certificate, private_key: key }]))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the TLS certificate or key cannot be used: ${why}`)
  }
}

/**
 * Binds a server; port 0 takes a free one. Gives the address with its real port. Fault: PORT_IN_USE.
 *
 * @param setting the variable that sets `listen`, for the message.
 */
export async function bind(
  server: Server,
  listen: string,
  credentials: ServerCredentials,
  setting: string,
): Promise<Result<string>> {
  return new Promise((resolve) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) resolve(ok(withPort(listen, port)))
      else {
        const why = `cannot listen on ${listen} (${reasonOf(error.message)})`
        resolve(fail('PORT_IN_USE', `${why}; set ${setting} to a free address`))
      }
    })
  })
}

/** The operating system's word for it, out of what grpc-js wraps around it. */
function reasonOf(message: string): string {
  return /\bE[A-Z]{3,}\b/.exec(message)?.[0] ?? message
}
