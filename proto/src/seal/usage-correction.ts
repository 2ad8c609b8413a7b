import { clone } from '@bufbuild/protobuf'
import { UsageCorrectionSchema } from '../gen/vouch/rating/v1/usage_pb.ts'
import type { UsageCorrection } from '../gen/vouch/rating/v1/usage_pb.ts'
import { documentText } from './document.ts'
import { TAGS, verify } from './seal.ts'
import type { Signer } from './seal.ts'

/** The entry with the issuer's key and signature. */
export function signUsageCorrection(entry: UsageCorrection, signer: Signer): UsageCorrection {
  const signed = clone(UsageCorrectionSchema, entry)
  signed.publicKey = signer.publicKey
  signed.signature = signer.sign(TAGS.usageCorrection, unsignedBytes(signed))
  return signed
}

/** True where the signature is its own key's over everything else in the entry. */
export function usageCorrectionValid(entry: UsageCorrection): boolean {
  return verify(TAGS.usageCorrection, unsignedBytes(entry), entry.signature, entry.publicKey)
}

function unsignedBytes(entry: UsageCorrection): Uint8Array {
  const open = clone(UsageCorrectionSchema, entry)
  open.signature = new Uint8Array()
  return new TextEncoder().encode(documentText(UsageCorrectionSchema, open))
}
