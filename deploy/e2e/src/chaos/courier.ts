import { create, fromBinary } from '@bufbuild/protobuf'
import { credentials } from '@grpc/grpc-js'
import type { SignedBatch } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import {
  AgentFrameSchema,
  HelloSchema,
  IngestService,
  PushRequestSchema,
  ReceiptSchema,
  StreamDefinitionsSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { AgentFrame, PushResponse } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { peekHeader } from '@vouch/proto/seal/batch.ts'
import { helloBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import { faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'
import type { Capture, CapturedRun } from './capture.ts'

/** How a delivery ended: `delivered` when a receipt covered the last batch, else the code of the refusal. */
export type Outcome = string

const PATIENCE_MS = 20_000

/** Delivers batches of a run, in the order given and all at once, over a connection of its own. */
export async function deliver(
  address: string,
  { agentId, signer, definitions }: Capture,
  { runId }: CapturedRun,
  batches: readonly SignedBatch[],
): Promise<Outcome> {
  const client = makeClient(IngestService, address, credentials.createInsecure())
  const stream = client.push()
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const timer = setTimeout(() => resolve('no answer'), PATIENCE_MS)
  const send = (kind: AgentFrame['kind']): void =>
    void stream.write(create(PushRequestSchema, { frame: create(AgentFrameSchema, { kind }) }))
  const last = batches.reduce((highest, batch) => {
    const header = peekHeader(batch)
    return header.ok && header.value.sequence > highest ? header.value.sequence : highest
  }, 0n)
  stream.on('error', (error) => resolve(faultOfError(error).code))
  stream.on('end', () => resolve('ended'))
  stream.on('data', ({ frame }: PushResponse) => {
    switch (frame?.kind.case) {
      case 'challenge': {
        const signature = signer.sign(TAGS.hello, helloBytes(frame.kind.value.nonce, agentId, runId))
        const hello = { agentId, runId, keyId: signer.keyId, signature, agentVersion: 'replay' }
        return send({ case: 'hello', value: create(HelloSchema, hello) })
      }
      case 'welcome':
        send({ case: 'definitions', value: create(StreamDefinitionsSchema, { streams: [...definitions] }) })
        for (const batch of batches) send({ case: 'batch', value: batch })
        return undefined
      case 'receipt': {
        const { sequence, quarantined } = fromBinary(ReceiptSchema, frame.kind.value.receipt)
        const [aside] = quarantined
        if (aside !== undefined) resolve(`set aside: ${aside.code}`)
        return sequence >= last ? resolve('delivered') : undefined
      }
      case 'rejection':
        return resolve(frame.kind.value.code)
      case 'keyRotated':
      case 'decommissioned':
      case 'policy':
      case undefined:
      default:
        return undefined
    }
  })
  const outcome = await promise
  clearTimeout(timer)
  stream.cancel()
  client.close()
  return outcome
}
