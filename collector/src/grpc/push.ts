import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  CollectorFrameSchema,
  IngestService,
  PushRequestSchema,
  PushResponseSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { AgentFrame } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { FaultError, fail } from '@vouch/proto/kernel/fault.ts'
import type { Logger } from '../ports.ts'
import type { Wire } from '../session/wire.ts'
import type { Call } from '@vouch/proto/wire/http2/call.ts'
import { pathOf } from '@vouch/proto/wire/http2/route.ts'
import type { Handler } from '@vouch/proto/wire/http2/route.ts'
import { STATUS, statusOf } from '@vouch/proto/wire/http2/status.ts'
import type { Strangers } from '@vouch/proto/wire/http2/strangers.ts'

/** What Push needs. */
export interface PushDeps {
  readonly converse: (wire: Wire) => Promise<void>
  readonly strangers: Strangers
  /** Monotonic, milliseconds. */
  readonly now: () => number
  readonly logger: Logger
}

/** The route of IngestService.Push: each call is one conversation. */
export function pushRoute({ converse, strangers, logger, now }: PushDeps): readonly [string, Handler] {
  const handler = (call: Call): void => {
    const { peer } = call
    let authenticated = false
    const wire = wireOf(call, () => {
      authenticated = true
      strangers.authenticate(peer)
    })
    converse(wire)
      .catch((error: unknown) => {
        // Who refused the call, or cancelled it, knows why.
        if (call.over) return
        logger.warn({ err: error, peer }, 'connection broken')
        wire.end(error instanceof FaultError ? error.fault : fail('INTERNAL', 'the stream broke off').fault)
      })
      .finally(() => {
        if (authenticated) strangers.part(peer, now())
      })
  }
  return [pathOf(IngestService.method.push), handler]
}

function wireOf(call: Call, welcomed: () => void): Wire {
  return {
    peer: call.peer,
    get congested() {
      return call.congested
    },
    next: async () => {
      const bytes = await call.next()
      return bytes === undefined ? undefined : frameOf(bytes, call)
    },
    send: (kind) => {
      if (kind.case === 'welcome') welcomed()
      const response = create(PushResponseSchema, { frame: create(CollectorFrameSchema, { kind }) })
      call.write(toBinary(PushResponseSchema, response))
    },
    end: (fault) => (fault === undefined ? call.end() : call.end(statusOf(fault))),
    watch: (watcher) => call.watch(watcher),
  }
}

function frameOf(bytes: Uint8Array, call: Call): AgentFrame['kind'] {
  try {
    return fromBinary(PushRequestSchema, bytes).frame?.kind ?? { case: undefined }
  } catch (error) {
    call.end({ code: STATUS.internal, details: `a message is not a ${PushRequestSchema.typeName}` })
    throw error
  }
}
