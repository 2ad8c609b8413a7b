import { create } from '@bufbuild/protobuf'
import { RegisterKind, StreamDefinitionSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { HelloSchema, StreamDefinitionsSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { CollectorFrame } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { sealBatch } from '@vouch/proto/seal/batch.ts'
import { helloBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import { encodeBody } from '@vouch/proto/wire/body.ts'
import type { AgentIdentity } from './agent-host.ts'
import type { Dice } from './dice.ts'
import type { Link } from './link.ts'

/** What a rogue agent, enrolled under keys of its own, tries to put on another's bill. */
export interface Victim {
  readonly agentId: Uint8Array
  readonly resource: string
}

/** One attempt over one connection: another's stream undeclared, declared as its own, or another's name in the header. */
export function attack(link: Link, own: AgentIdentity, victim: Victim, dice: Dice, nowMs: number): void {
  const { agentId, signer } = own
  const runId = dice.bytes(16)
  const way = dice.pick(['undeclared', 'declared', 'named', 'forged hello'] as const)
  const identity = {
    resource: victim.resource,
    meter: 'host.cpu.used',
    unit: 'ms',
    kind: RegisterKind.COUNTER,
  }
  const owner = way === 'declared' ? agentId : victim.agentId
  const stream = create(StreamDefinitionSchema, { ...identity, streamId: streamId(owner, identity) })
  const { send } = link.frames
  const answer = (frame: CollectorFrame | undefined): void => {
    if (frame?.kind.case === 'challenge') {
      const claimed = way === 'forged hello' ? victim.agentId : agentId
      const signature = signer.sign(TAGS.hello, helloBytes(frame.kind.value.nonce, claimed, runId))
      send({
        case: 'hello',
        value: create(HelloSchema, { agentId: claimed, runId, keyId: signer.keyId, signature }),
      })
    }
    if (frame?.kind.case !== 'welcome') return
    if (way !== 'undeclared')
      send({ case: 'definitions', value: create(StreamDefinitionsSchema, { streams: [stream] }) })
    const header = {
      agentId: way === 'named' ? victim.agentId : agentId,
      runId,
      sequence: 1n,
      clock: { wallMs: BigInt(nowMs), monotonicMs: 1n, boottimeMs: 1n, bootId: new Uint8Array(16) },
    }
    send({ case: 'batch', value: sealBatch(header, bodyOf(stream.streamId, nowMs), signer).signed })
  }
  link.frames.listen({ frame: answer, relieved: () => undefined, ended: () => {} })
}

function bodyOf(id: Uint8Array, nowMs: number): Uint8Array {
  return encodeBody({
    streamIds: new Uint8Array(id),
    timeBaseMs: nowMs,
    segmentStream: Uint32Array.of(0),
    segmentEpoch: BigUint64Array.of(1n),
    segmentRows: Uint32Array.of(1),
    timeMs: BigUint64Array.of(BigInt(nowMs)),
    register: BigUint64Array.of(10n ** 15n),
    spanMs: Uint32Array.of(0),
    losses: [],
  })
}
