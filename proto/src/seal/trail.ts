import { clone, create } from '@bufbuild/protobuf'
import { TrailSchema } from '../gen/vouch/audit/v1/audit_pb.ts'
import type { Trail } from '../gen/vouch/audit/v1/audit_pb.ts'
import { SealSchema } from '../gen/vouch/proof/v1/proof_pb.ts'
import { documentText } from './document.ts'
import { TAGS, verify } from './seal.ts'
import type { Signer } from './seal.ts'

/** The value of `Trail.format`. */
export const TRAIL_FORMAT = 'vouch.audit.trail.v1'

/** The one spelling of a trail. */
export function trailText(trail: Trail): string {
  return documentText(TrailSchema, trail)
}

/** The trail with the collector's seal over its text with an empty seal. */
export function sealTrail(trail: Trail, signer: Signer): Trail {
  const sealed = clone(TrailSchema, trail)
  const signature = signer.sign(TAGS.trail, unsealedBytes(trail))
  sealed.seal = create(SealSchema, { publicKey: signer.publicKey, signature })
  return sealed
}

/** True where the seal is its own key's over everything else in the trail. */
export function trailSealValid(trail: Trail): boolean {
  const { seal } = trail
  if (seal === undefined) return false
  return verify(TAGS.trail, unsealedBytes(trail), seal.signature, seal.publicKey)
}

function unsealedBytes(trail: Trail): Uint8Array {
  const open = clone(TrailSchema, trail)
  open.seal = create(SealSchema)
  return new TextEncoder().encode(trailText(open))
}
