import { clone, create } from '@bufbuild/protobuf'
import { type Proof, ProofSchema } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import {
  IncrementPolicySchema,
  type Item,
  TariffSchema,
  ThresholdPolicySchema,
} from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { proofText, sealProof } from '@vouch/proto/seal/proof.ts'
import { beforeAll, describe, expect, test } from 'vitest'
import { createMemoryStore } from '../testing/memory-store.ts'
import { BILLED, measuredHost } from '../testing/test-month.ts'
import { OTHER_ISSUER, TARIFF, buildProof } from '../testing/test-proof.ts'
import { verifyProof } from './verify.ts'

const faultOf = (text: string) => {
  const result = verifyProof(text, {})
  return result.ok ? undefined : result.fault
}

describe('items with a threshold and an increment', () => {
  const stepped = clone(TariffSchema, TARIFF)
  stepped.items[0]!.threshold = create(ThresholdPolicySchema, { quantity: '0.1', at: 'resource' })
  stepped.items[0]!.increment = create(IncrementPolicySchema, { size: '0.25', at: 'line' })
  stepped.items[1]!.threshold = create(ThresholdPolicySchema, { quantity: '1000000' })
  let made: Proof
  beforeAll(async () => {
    made = await buildProof(['host:a'], BILLED, createMemoryStore([measuredHost('a')]), stepped)
  })

  test('are proven: what was used, rounded to steps, and nothing below the threshold', () => {
    expect(faultOf(proofText(made))).toBeUndefined()
    const charges = made.invoice!.lines.map(({ charge }) => charge!)
    expect(charges.map(({ quantity, amount }) => [quantity, amount])).toEqual([
      ['0.5', '0.02'],
      ['0', '0.00'],
    ])
    expect(charges[0]!.trace.slice(2, 5).map((step) => `${step.rule} = ${step.output}`)).toEqual([
      expect.stringMatching(/^sum, threshold 0\.1 of item cpu per resource = .*$/),
      'increment 0.25, at least 0 of item cpu = 0.5',
      'quantity half-even 6 = 0.5',
    ])
  })

  test.each<[string, (item: Item) => void, string]>([
    ['another threshold', ({ threshold }) => void (threshold!.quantity = '0.6'), 'quantity'],
    ['another step', ({ increment }) => void (increment!.size = '0.3'), 'quantity'],
    ['no increment', (item) => void delete item.increment, 'quantity'],
    ['another stage', ({ threshold }) => void (threshold!.at = 'line'), 'trace[2].rule'],
  ])('%s is found', (_, change, member) => {
    const copy = clone(ProofSchema, made)
    change(copy.tariffs[0]!.items[0]!)
    expect(faultOf(proofText(sealProof(copy, OTHER_ISSUER)))?.pointer).toBe(
      `invoice.lines[0].charge.${member}`,
    )
  })
})
