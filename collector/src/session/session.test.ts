import { create } from '@bufbuild/protobuf'
import { WelcomeSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { CollectorFrame } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { expect, it } from 'vitest'
import { SYSTEM_CLOCK } from '../clock.ts'
import { BUILT_IN } from '../fleet/policy.ts'
import type { AgentRecord, Fleet } from '../fleet/ports.ts'
import { Lane } from '../intake/lane.ts'
import { Session } from './session.ts'
import type { Wire } from './wire.ts'

it('a policy that changes while an agent connects is told after the welcome', () => {
  const told: CollectorFrame['kind']['case'][] = []
  const wire: Wire = {
    peer: '192.0.2.1:1',
    congested: false,
    next: () => Promise.resolve(undefined),
    send: (kind) => void told.push(kind.case),
    end: () => undefined,
    watch: () => undefined,
  }
  const policy = { ...BUILT_IN, version: 7n }
  const agent: AgentRecord = { resource: 'host:a', state: 'active', reason: '', keys: new Map(), policy }
  const session = new Session(wire, new Lane(new Uint8Array(16)), agent, {
    fleet: {} as Fleet,
    clock: SYSTEM_CLOCK,
    signer: signerOf(generateKeys().privateKey),
    seed: 1,
    streamsMax: 10,
    windowBatches: 10,
    retryAfterMs: 10,
  })
  session.refresh({ keys: 0, policyVersion: 7n })
  session.send({ case: 'welcome', value: create(WelcomeSchema) })
  session.tellPolicy()
  expect(told).toEqual(['welcome', 'policy'])
})
