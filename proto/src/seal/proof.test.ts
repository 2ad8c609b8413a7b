import { create, fromJsonString } from '@bufbuild/protobuf'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProofSchema } from '../gen/vouch/proof/v1/proof_pb.ts'
import { PROOF_FORMAT, proofSealValid, proofText, sealProof } from './proof.ts'
import { generateKeys, signerOf } from './seal.ts'

const signer = signerOf(generateKeys().privateKey)
const proof = create(ProofSchema, {
  format: PROOF_FORMAT,
  invoice: {
    number: 'INV-000001',
    currency: 'EUR',
    total: '1.20',
    lines: [{ lineNumber: 1, charge: { amount: '1.20' } }],
    statements: [
      { snapshot: { measurements: [{ streams: [{ epochs: [{ epoch: 2n ** 63n, quantity: 7n }] }] }] } },
    ],
  },
})

describe('the text of a proof', () => {
  it('shows every field, also those that are empty, and reads back to the same proof', () => {
    const text = proofText(proof)
    expect(text).toContain('"tariffVersion": 0')
    expect(text).toContain(`"epoch": "${2n ** 63n}"`)
    expect(text.endsWith('}\n')).toBe(true)
    expect(proofText(fromJsonString(ProofSchema, text))).toBe(text)
  })
})

describe('law: a sealed proof is closed', () => {
  const text = proofText(sealProof(proof, signer))

  it('holds as it was sealed', () => {
    expect(proofSealValid(fromJsonString(ProofSchema, text))).toBe(true)
    expect(proofSealValid(proof)).toBe(false)
  })

  it('does not survive the change of any character: unreadable, spelled otherwise, or not sealed', () => {
    const change = fc.tuple(fc.nat({ max: text.length - 1 }), fc.integer({ min: 32, max: 126 }))
    fc.assert(
      fc.property(change, ([at, code]) => {
        const other = `${text.slice(0, at)}${String.fromCharCode(code)}${text.slice(at + 1)}`
        fc.pre(other !== text)
        expect(accepts(other)).toBe(false)
      }),
      { numRuns: 1000 },
    )
  })
})

function accepts(text: string): boolean {
  try {
    const parsed = fromJsonString(ProofSchema, text)
    return proofText(parsed) === text && proofSealValid(parsed)
  } catch {
    return false
  }
}
