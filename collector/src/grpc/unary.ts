import type { handleUnaryCall } from '@grpc/grpc-js'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { faultToStatus } from '@vouch/proto/wire/grpc.ts'
import type { Logger } from '../ports.ts'

/** A handler that answers with a result; a defect is logged, and hidden from the caller. */
export function unary<Request, Response>(
  answer: (request: Request) => Promise<Result<Response>>,
  logger: Logger,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    answer(call.request)
      .catch((error: unknown) => {
        logger.error({ err: error }, 'call failed')
        return fail('INTERNAL', 'the call failed; the log of the collector says why')
      })
      .then((result) => {
        if (result.ok) callback(null, result.value)
        else callback(faultToStatus(result.fault))
      })
      .catch((error: unknown) => logger.error({ err: error }, 'answer not sent'))
  }
}
