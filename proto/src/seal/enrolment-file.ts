import { clone, create, fromJsonString } from '@bufbuild/protobuf'
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import { EnrolmentAnswerSchema, EnrolmentRequestSchema } from '../gen/vouch/enrolment/v1/enrolment_pb.ts'
import type { EnrolmentAnswer, EnrolmentRequest } from '../gen/vouch/enrolment/v1/enrolment_pb.ts'
import { fail, ok } from '../kernel/fault.ts'
import type { Result } from '../kernel/fault.ts'
import { documentText } from './document.ts'
import { TAGS, verify } from './seal.ts'
import type { Signer } from './seal.ts'

/** What an agent says of itself. */
export type EnrolmentClaim = Pick<EnrolmentRequest, 'label' | 'resource' | 'agentVersion'>

/** The text of a request to be enrolled, signed by the key that is to be enrolled. */
export function enrolmentRequestText(claim: EnrolmentClaim, signer: Signer): string {
  const request = create(EnrolmentRequestSchema, { ...claim, publicKey: signer.publicKey })
  request.signature = signer.sign(TAGS.enrolmentRequest, unsignedBytes(EnrolmentRequestSchema, request))
  return documentText(EnrolmentRequestSchema, request)
}

/** Reads a request. Faults: FIELD_INVALID where it is none, SIGNATURE_INVALID. */
export function readEnrolmentRequest(text: string): Result<EnrolmentRequest> {
  const request = parsed(EnrolmentRequestSchema, text, 'a request of vouch-agent enrol')
  if (!request.ok) return request
  const { publicKey, signature } = request.value
  const bytes = unsignedBytes(EnrolmentRequestSchema, request.value)
  if (verify(TAGS.enrolmentRequest, bytes, signature, publicKey)) return request
  return fail('SIGNATURE_INVALID', 'the request is not signed by the key that it brings')
}

/** The text of the answer to a request, signed by the collector. */
export function enrolmentAnswerText(agentId: Uint8Array, publicKey: Uint8Array, signer: Signer): string {
  const answer = create(EnrolmentAnswerSchema, {
    agentId: new Uint8Array(agentId),
    publicKey: new Uint8Array(publicKey),
    collectorPublicKey: signer.publicKey,
  })
  answer.signature = signer.sign(TAGS.enrolmentAnswer, unsignedBytes(EnrolmentAnswerSchema, answer))
  return documentText(EnrolmentAnswerSchema, answer)
}

/** Reads an answer; whose key is in it the agent takes on the word of who brings it. Faults: as {@link readEnrolmentRequest}. */
export function readEnrolmentAnswer(text: string): Result<EnrolmentAnswer> {
  const answer = parsed(EnrolmentAnswerSchema, text, 'an answer of vouch-collector agents enrol-file')
  if (!answer.ok) return answer
  const { agentId, collectorPublicKey, signature } = answer.value
  const bytes = unsignedBytes(EnrolmentAnswerSchema, answer.value)
  if (agentId.length === 16 && verify(TAGS.enrolmentAnswer, bytes, signature, collectorPublicKey))
    return answer
  return fail('SIGNATURE_INVALID', 'the answer is not signed by the collector that it names')
}

function parsed<D extends DescMessage>(schema: D, text: string, what: string): Result<MessageShape<D>> {
  try {
    return ok(fromJsonString(schema, text))
  } catch {
    return fail('FIELD_INVALID', `the file is not ${what}`)
  }
}

function unsignedBytes<D extends typeof EnrolmentRequestSchema | typeof EnrolmentAnswerSchema>(
  schema: D,
  message: MessageShape<D>,
): Uint8Array {
  const open = clone(schema, message)
  open.signature = new Uint8Array()
  return new TextEncoder().encode(documentText(schema, open))
}
