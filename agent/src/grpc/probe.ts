import type { PushResponse } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { IngestService } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'
import { channelTo } from './channel.ts'
import type { Target } from './channel.ts'

/** What a collector says to whoever dials it. */
export interface Greeting {
  /** Its wall clock less this host's at the middle of the exchange, milliseconds. */
  readonly clockOffsetMs: number
  /** From dialling to its first word, milliseconds. */
  readonly tookMs: number
}

/** Dials the collector and listens to its challenge, without answering it. Faults: UNAVAILABLE, CONFIG_INVALID. */
export async function probeCollector(target: Target, timeoutMs: number): Promise<Result<Greeting>> {
  const channel = channelTo(target)
  if (!channel.ok) return channel
  const { credentials, options } = channel.value
  const client = makeClient(IngestService, target.address, credentials, options)
  const began = Date.now()
  const { promise, resolve } = Promise.withResolvers<Result<Greeting>>()
  const call = client.push({ deadline: began + timeoutMs })
  call.on('error', (error) => resolve({ ok: false, fault: faultOfError(error) }))
  call.on('end', () => resolve(fail('UNAVAILABLE', 'the collector ended the connection without a challenge')))
  call.on('data', ({ frame }: PushResponse) => {
    if (frame?.kind.case !== 'challenge') return
    const tookMs = Date.now() - began
    const middleMs = began + Math.round(tookMs / 2)
    resolve(ok({ clockOffsetMs: Number(frame.kind.value.wallMs) - middleMs, tookMs }))
  })
  try {
    return await promise
  } finally {
    call.cancel()
    client.close()
  }
}
