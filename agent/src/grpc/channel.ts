import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { checkServerIdentity } from 'node:tls'
import type { PeerCertificate } from 'node:tls'
import * as grpc from '@grpc/grpc-js'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'

/** How to reach the collector. */
export interface Target {
  /** `host:port`. */
  readonly address: string
  /** PEM file of the authority that the collector's certificate is checked against; undefined = the system's. */
  readonly caFile: string | undefined
  /** False only where the configuration allows it: for a loopback address. */
  readonly tls: boolean
}

/** How a channel is opened. */
export interface Channel {
  readonly credentials: grpc.ChannelCredentials
  readonly options: grpc.ClientOptions
}

const RECONNECT_MS = 100

/**
 * Retries belong to the spool, so grpc's own buffer is off, and so do the pauses between them: the channel's own, which
 * grow to two minutes, would hold up an agent whose collector is back. Channels share no connections: after a
 * collector handed over, the next one has to be dialled. channelz keeps records of every call.
 */
const OPTIONS: grpc.ClientOptions = {
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': RECONNECT_MS,
  'grpc.max_reconnect_backoff_ms': RECONNECT_MS,
}

/** A server name for TLS where the target is an address: a name is demanded, and nobody checks this one. */
const NAMELESS = 'collector.invalid'

/** Credentials and options of the channel. Faults: CONFIG_INVALID where the authority's file cannot be read. */
export function channelTo({ address, caFile, tls }: Target): Result<Channel> {
  if (!tls) return ok({ credentials: grpc.credentials.createInsecure(), options: OPTIONS })
  const host = address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  try {
    const authority = caFile === undefined ? null : readFileSync(caFile)
    if (isIP(host) === 0) return ok({ credentials: grpc.credentials.createSsl(authority), options: OPTIONS })
    // The certificate is checked against the address itself, which TLS does not take as a server name.
    const checks = {
      checkServerIdentity: (_: string, certificate: PeerCertificate) =>
        checkServerIdentity(host, certificate),
    }
    const credentials = grpc.credentials.createSsl(authority, null, null, checks)
    return ok({ credentials, options: { ...OPTIONS, 'grpc.ssl_target_name_override': NAMELESS } })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the certificate authority cannot be read: ${why}`, {
      pointer: 'VOUCH_TLS_CA_FILE',
    })
  }
}
