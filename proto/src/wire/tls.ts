import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { isLoopback } from '../kernel/address.ts'
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

/** A certificate that fits its key. */
export interface ServerCertificate {
  /** Certificate chain, PEM. */
  readonly cert: Buffer
  /** Private key, PEM. */
  readonly key: Buffer
}

/** The certificate of a server; undefined where it goes without TLS. Faults: CONFIG_MISSING, CONFIG_INVALID. */
export async function serverCertificate(
  listen: string,
  { tls, tlsCertFile, tlsKeyFile }: ServerTls,
): Promise<Result<ServerCertificate | undefined>> {
  if (tls === 'off') {
    if (isLoopback(listen)) return ok(undefined)
    return fail('CONFIG_INVALID', `VOUCH_TLS=off is for loopback only, and ${listen} is not`, {
      pointer: 'VOUCH_TLS',
    })
  }
  if (tlsCertFile === undefined || tlsKeyFile === undefined) {
    return fail(
      'CONFIG_MISSING',
      'set VOUCH_TLS_CERT_FILE and VOUCH_TLS_KEY_FILE, or VOUCH_TLS=off on loopback',
    )
  }
  try {
    const [cert, key] = await Promise.all([readFile(tlsCertFile), readFile(tlsKeyFile)])
    createSecureContext({ cert, key })
    return ok({ cert, key })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the TLS certificate or key cannot be used: ${why}`)
  }
}
