import { fromBinary, toBinary } from '@bufbuild/protobuf'
import type { DescMessage, DescMethod, MessageShape } from '@bufbuild/protobuf'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Logger } from '../ports.ts'
import type { Call } from '@vouch/proto/wire/http2/call.ts'
import { pathOf } from '@vouch/proto/wire/http2/route.ts'
import type { Handler } from '@vouch/proto/wire/http2/route.ts'
import { STATUS, statusOf } from '@vouch/proto/wire/http2/status.ts'

/** What calls of one request need. */
export interface UnaryDeps {
  readonly logger: Logger
  /** Time for a request to arrive whole, milliseconds. */
  readonly requestMs: number
}

/** The route of a method that answers with a result; a defect is logged, and hidden from the caller. */
export function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethod & { readonly input: I; readonly output: O },
  answer: (request: MessageShape<I>) => Promise<Result<MessageShape<O>>>,
  { logger, requestMs }: UnaryDeps,
): readonly [string, Handler] {
  const serve = async (call: Call): Promise<void> => {
    const bytes = await requestOf(call, requestMs)
    if (bytes === undefined) return
    const request = decoded(method.input, bytes)
    if (request === undefined) {
      call.end({ code: STATUS.internal, details: `the request is not a ${method.input.typeName}` })
      return
    }
    const result = await answer(request)
    if (result.ok) {
      call.write(toBinary(method.output, result.value))
      call.end()
    } else call.end(statusOf(result.fault))
  }
  const handler = (call: Call): void => {
    serve(call).catch((error: unknown) => {
      logger.error({ err: error }, 'call failed')
      call.end(statusOf(fail('INTERNAL', 'the call failed; the log of the collector says why').fault))
    })
  }
  return [pathOf(method), handler]
}

/**
 * The one message of a request, once the peer has ended its side; undefined where the call is over instead. One
 * that trickles in would be held for as long as the connection.
 */
export async function requestOf(call: Call, requestMs: number): Promise<Uint8Array | undefined> {
  const late = setTimeout(
    () => call.end({ code: STATUS.deadlineExceeded, details: 'the request did not arrive in time' }),
    requestMs,
  )
  try {
    const first = await call.next()
    if (first !== undefined && (await call.next()) === undefined) return first
    const which = first === undefined ? 'no request message' : 'a second request message'
    call.end({ code: STATUS.unimplemented, details: `${which}, where one belongs` })
    return undefined
  } catch {
    // The call is over, and whoever ended it knows why.
    return undefined
  } finally {
    clearTimeout(late)
  }
}

function decoded<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> | undefined {
  try {
    return fromBinary(schema, bytes)
  } catch {
    return undefined
  }
}
