import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from '@fastify/type-provider-typebox'
import type { Static } from '@fastify/type-provider-typebox'
import { FAULTS, FaultError, fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { Logger } from '../ports.ts'

/** A problem document, RFC 9457. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: 'From the closed list of faults' }),
    remedy: Type.String(),
    instance: Type.String(),
    pointer: Type.Optional(Type.String()),
    errors: Type.Optional(
      Type.Array(
        Type.Object(
          { code: Type.String(), detail: Type.String(), pointer: Type.Optional(Type.String()) },
          { additionalProperties: false },
        ),
      ),
    ),
  },
  { additionalProperties: false },
)

/** A problem document. */
type ProblemDocument = Static<typeof Problem>

/** What Fastify refuses before an operation sees it, by its error code. */
const FRAMEWORK: Readonly<Record<string, Fault>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: fail('BODY_MALFORMED', 'send the body as application/json').fault,
  FST_ERR_CTP_EMPTY_JSON_BODY: fail('BODY_MALFORMED', 'the body is empty; send a JSON object').fault,
  FST_ERR_CTP_BODY_TOO_LARGE: fail('BODY_MALFORMED', 'the body is larger than 1 MiB').fault,
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: fail('BODY_MALFORMED', 'the body is not as long as Content-Length says')
    .fault,
  FST_ERR_MAX_PARAM_LENGTH: fail('NOT_FOUND', 'the path has a longer part than any id').fault,
  FST_ERR_BAD_URL: fail('NOT_FOUND', 'the path is not well-formed').fault,
}

/** The problem document of a fault. */
export function problemOf(fault: Fault, instance: string): ProblemDocument {
  const { http, meaning, remedy } = FAULTS[fault.code]
  return {
    type: `urn:vouch:fault:${fault.code}`,
    title: meaning,
    status: http,
    detail: fault.message,
    code: fault.code,
    remedy,
    instance: `urn:vouch:request:${instance}`,
    ...(fault.pointer === undefined ? {} : { pointer: fault.pointer }),
    ...(fault.causes === undefined ? {} : { errors: fault.causes.map(causeOf) }),
  }
}

/** Answers with a problem document. What nobody expected is logged whole and told only as INTERNAL. */
export function sendProblem(
  logger: Logger,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const fault = faultOf(error)
  if (FAULTS[fault.code].http >= 500) {
    logger.error({ request: request.id, code: fault.code, err: error }, 'a request failed')
  }
  if (fault.code === 'UNAUTHENTICATED') void reply.header('www-authenticate', 'Bearer realm="vouch"')
  return reply
    .code(FAULTS[fault.code].http)
    .type('application/problem+json')
    .send(Buffer.from(JSON.stringify(problemOf(fault, request.id))))
}

function faultOf(error: unknown): Fault {
  if (error instanceof FaultError) return error.fault
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return FRAMEWORK[code] ?? fail('INTERNAL', 'an unexpected error; the log has it under this request').fault
}

function causeOf({ code, message, pointer }: Fault) {
  return { code, detail: message, ...(pointer === undefined ? {} : { pointer }) }
}
