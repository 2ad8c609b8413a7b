import { readFile } from 'node:fs/promises'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { serverCertificate } from '@vouch/proto/wire/tls.ts'
import type { ServerCertificate } from '@vouch/proto/wire/tls.ts'

/** Where an agent that is dialled listens, and how it shows who it is. */
export interface Door {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string
  /** 'off' is taken on loopback only. */
  readonly tls: 'on' | 'off'
  /** Certificate chain and private key of this agent, PEM files. */
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  /** Authority of the collector's certificate, PEM file. */
  readonly caFile: string | undefined
}

/** What a door is opened with; both undefined without TLS. */
export interface DoorCredentials {
  readonly certificate: ServerCertificate | undefined
  /** Authority of the certificates that collectors have to show, PEM. */
  readonly clientAuthority?: Buffer
}

/** Reads what the door is opened with. Faults: CONFIG_MISSING, CONFIG_INVALID. */
export async function doorCredentials(door: Door): Promise<Result<DoorCredentials>> {
  const { address, tls, caFile, certFile: tlsCertFile, keyFile: tlsKeyFile } = door
  const certificate = await serverCertificate(address, { tls, tlsCertFile, tlsKeyFile })
  if (!certificate.ok) return certificate
  if (tls === 'off') return ok({ certificate: undefined })
  const pointer = 'VOUCH_TLS_CA_FILE'
  if (caFile === undefined)
    return fail('CONFIG_MISSING', `set ${pointer} to the authority of the collector's certificate`, {
      pointer,
    })
  try {
    return ok({ certificate: certificate.value, clientAuthority: await readFile(caFile) })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the certificate authority cannot be read: ${why}`, { pointer })
  }
}
