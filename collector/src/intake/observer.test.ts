import { expect, it } from 'vitest'
import type { AdmittedBatch } from '../ports.ts'
import { Observer } from './observer.ts'

const ID_BYTES = 16

it('keeps of a batch its run, not the octets that it came in', () => {
  const observer = new Observer(new Uint8Array(ID_BYTES))
  const runId = new Uint8Array(4_096).subarray(100, 100 + ID_BYTES).fill(7)
  const bytes = new Uint8Array()
  const batch: AdmittedBatch = {
    agentId: new Uint8Array(ID_BYTES),
    runId,
    sequence: 3n,
    digest: bytes,
    previous: bytes,
    header: bytes,
    body: bytes,
    signature: bytes,
    keyId: bytes,
    final: false,
    policyVersion: 3n,
    wallMs: 1_000,
    receivedMs: 1_000,
    peer: 'here',
    columns: undefined,
    classes: [],
    fault: undefined,
    chained: true,
  }

  observer.hello({ runId: new Uint8Array(ID_BYTES), agentVersion: '1', address: 'here' }, 500)
  observer.batch(batch)

  const { news } = observer
  expect(news?.runId).toEqual(runId)
  expect(news?.runId.buffer.byteLength).toBe(ID_BYTES)
  expect(news?.lastSequence).toBe(3n)
})
