import { readFile } from 'node:fs/promises'
import { ServerCredentials, type Server } from '@grpc/grpc-js'
import { type Result, fail, ok } from '@vouch/proto/kernel/fault.ts'

/** How the server shows who it is. */
export interface TlsFiles {
  /** 'off' is taken on loopback only. */
  readonly tls: 'on' | 'off'
  readonly tlsCertFile: string | undefined
  readonly tlsKeyFile: string | undefined
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
    return fail('CONFIG_INVALID', `the TLS certificate or key cannot be used: ${messageOf(error)}`)
  }
}

/** Binds a server; port 0 takes a free one. Gives the port. Fault: PORT_IN_USE. */
export async function bind(
  server: Server,
  listen: string,
  credentials: ServerCredentials,
): Promise<Result<number>> {
  return new Promise((resolve) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) resolve(ok(port))
      else
        resolve(fail('PORT_IN_USE', `cannot listen on ${listen}: ${error.message}; choose another address`))
    })
  })
}

/** True for 127.0.0.0/8, ::1 and localhost, with a port. */
export function isLoopback(address: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]):\d+$/.test(address)
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
