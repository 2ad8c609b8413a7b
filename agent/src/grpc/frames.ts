import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import {
  AgentFrameSchema,
  PullRequestSchema,
  PullResponseSchema,
  PushRequestSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type {
  AgentFrame,
  CollectorFrame,
  PushRequest,
  PushResponse,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { faultOfError } from '@vouch/proto/wire/grpc.ts'
import type { Call } from '@vouch/proto/wire/http2/call.ts'
import { STATUS, statusOf } from '@vouch/proto/wire/http2/status.ts'

/** One connection to the collector, whoever dialled it and whatever carries its frames. */
export interface Frames {
  readonly send: (kind: AgentFrame['kind']) => void
  /** Whether what was sent waits for the other side to read it: whoever has much holds the rest back. */
  readonly isCongested: () => boolean
  /** Ends it at once. The other side is told the fault where it can still hear. */
  readonly end: (fault?: Fault) => void
  /** Reads from now on. */
  readonly listen: (listener: FramesListener) => void
}

/** Who is told what comes. */
export interface FramesListener {
  readonly frame: (frame: CollectorFrame | undefined) => void
  /** The other side reads again what was sent. */
  readonly relieved: () => void
  /** The other side has ended it, in order where there is no fault. */
  readonly ended: (fault?: Fault) => void
}

/** Frames of a call that this agent has made. */
export function pushFrames(stream: ClientDuplexStream<PushRequest, PushResponse>): Frames {
  return {
    send: (kind) =>
      void stream.write(create(PushRequestSchema, { frame: create(AgentFrameSchema, { kind }) })),
    isCongested: () => stream.writableNeedDrain,
    // A stream that is only half-closed would keep the collector waiting.
    end: () => stream.cancel(),
    listen: ({ frame, relieved, ended }) => {
      stream.on('drain', relieved)
      stream.on('data', (response: PushResponse) => frame(response.frame))
      stream.on('error', (error) => ended(faultOfError(error)))
      stream.on('end', () => ended())
    },
  }
}

/** Frames of a call that a collector has made. */
export function pullFrames(call: Call): Frames {
  return {
    send: (kind) => {
      const response = create(PullResponseSchema, { frame: create(AgentFrameSchema, { kind }) })
      call.write(toBinary(PullResponseSchema, response))
    },
    isCongested: () => call.congested,
    end: (fault) => call.end(fault === undefined ? undefined : statusOf(fault)),
    listen: (listener) => {
      call.watch({ relieved: listener.relieved, gone: () => undefined })
      void readAll(call, listener)
    },
  }
}

async function readAll(call: Call, { frame, ended }: FramesListener): Promise<void> {
  for (;;) {
    const bytes = await call.next().catch(() => 'broken' as const)
    if (bytes === 'broken') return ended(fail('UNAVAILABLE', 'the connection broke off').fault)
    if (bytes === undefined) {
      call.end()
      return ended()
    }
    const request = decoded(bytes)
    if (request === undefined) {
      call.end({ code: STATUS.internal, details: `a message is not a ${PullRequestSchema.typeName}` })
      return ended(fail('INTERNAL', 'the collector sent what is no frame').fault)
    }
    frame(request.frame)
  }
}

function decoded(bytes: Uint8Array): { readonly frame?: CollectorFrame | undefined } | undefined {
  try {
    return fromBinary(PullRequestSchema, bytes)
  } catch {
    return undefined
  }
}
