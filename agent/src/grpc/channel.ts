import { readFileSync } from 'node:fs'
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

/**
 * Options of the channel. Retries belong to the spool, so grpc's own buffer is off; channelz keeps
 * records of every call.
 */
export const CHANNEL_OPTIONS: grpc.ClientOptions = { 'grpc.enable_retries': 0, 'grpc.enable_channelz': 0 }

/** Credentials of the channel. Faults: CONFIG_INVALID where the authority's file cannot be read. */
export function channelCredentials({ caFile, tls }: Target): Result<grpc.ChannelCredentials> {
  if (!tls) return ok(grpc.credentials.createInsecure())
  try {
    return ok(grpc.credentials.createSsl(caFile === undefined ? null : readFileSync(caFile)))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the certificate authority cannot be read: ${why}`, {
      pointer: 'VOUCH_TLS_CA_FILE',
    })
  }
}
