import { ServerCredentials } from '@grpc/grpc-js'
import type { Server } from '@grpc/grpc-js'
import { withPort } from '../kernel/address.ts'
import { fail, ok } from '../kernel/fault.ts'
import type { Result } from '../kernel/fault.ts'
import { serverCertificate } from './tls.ts'
import type { ServerTls } from './tls.ts'

/** Credentials of a gRPC server. Faults: CONFIG_MISSING, CONFIG_INVALID. */
export async function serverCredentials(
  listen: string,
  files: ServerTls,
): Promise<Result<ServerCredentials>> {
  const certificate = await serverCertificate(listen, files)
  if (!certificate.ok) return certificate
  if (certificate.value === undefined) return ok(ServerCredentials.createInsecure())
  const { cert, key } = certificate.value
  return ok(ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }]))
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
