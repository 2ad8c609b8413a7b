import { clone, create } from '@bufbuild/protobuf'
import { ProofSchema, SealSchema } from '../gen/vouch/proof/v1/proof_pb.ts'
import type { Proof } from '../gen/vouch/proof/v1/proof_pb.ts'
import { documentText } from './document.ts'
import { TAGS, verify } from './seal.ts'
import type { Signer } from './seal.ts'

/** The value of `Proof.format`. */
export const PROOF_FORMAT = 'vouch.proof.v2'

/** The one spelling of a proof: every field present, two spaces of indentation, a newline at the end. */
export function proofText(proof: Proof): string {
  return documentText(ProofSchema, proof)
}

/** The proof with the issuer's seal over its text with an empty seal. */
export function sealProof(proof: Proof, signer: Signer): Proof {
  const sealed = clone(ProofSchema, proof)
  sealed.seal = create(SealSchema, {
    publicKey: signer.publicKey,
    signature: signer.sign(TAGS.proof, unsealedBytes(proof)),
  })
  return sealed
}

/** True where the seal is its own key's over everything else in the proof. */
export function proofSealValid(proof: Proof): boolean {
  const { seal } = proof
  if (seal === undefined) return false
  return verify(TAGS.proof, unsealedBytes(proof), seal.signature, seal.publicKey)
}

function unsealedBytes(proof: Proof): Uint8Array {
  const open = clone(ProofSchema, proof)
  open.seal = create(SealSchema)
  return new TextEncoder().encode(proofText(open))
}
