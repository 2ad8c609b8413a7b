import { create } from '@bufbuild/protobuf'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import { CollectorFrameSchema, PushResponseSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { PushRequest, PushResponse } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { FaultError, fail } from '@vouch/proto/kernel/fault.ts'
import { faultOfError, faultToStatus } from '@vouch/proto/wire/grpc.ts'
import type { Logger } from '../ports.ts'
import type { Wire } from '../session/wire.ts'
import type { Strangers } from './strangers.ts'

type PushCall = ServerDuplexStream<PushRequest, PushResponse>

/** What Push needs. */
export interface PushDeps {
  readonly converse: (wire: Wire) => Promise<void>
  readonly strangers: Strangers
  /** Monotonic, milliseconds. */
  readonly now: () => number
  readonly logger: Logger
}

/** Handles IngestService.Push: each call is one conversation. */
export function pushHandler({ converse, strangers, logger, now }: PushDeps): (call: PushCall) => void {
  return (call) => {
    // A cancelled call emits errors after everybody has stopped listening.
    call.on('error', () => undefined)
    const peer = call.getPeer()
    let authenticated = false
    const wire = wireOf(call, () => {
      authenticated = true
      strangers.authenticate(peer)
    })
    converse(wire)
      .catch((error: unknown) => {
        if (isOwnRefusal(error)) return
        if (!call.cancelled) logger.warn({ err: error, peer: wire.peer }, 'push stream broken')
        wire.end(error instanceof FaultError ? error.fault : fail('INTERNAL', 'the stream broke off').fault)
      })
      .finally(() => {
        if (authenticated) strangers.part(peer, now())
      })
  }
}

/** What this side refused comes back as the call's error; the agent was told, and nothing is broken. */
function isOwnRefusal(error: unknown): boolean {
  return !(error instanceof FaultError) && faultOfError(error).code !== 'INTERNAL'
}

function wireOf(call: PushCall, welcomed: () => void): Wire {
  const next = readerOf(call)
  return {
    peer: call.getPeer(),
    get congested() {
      return call.writableNeedDrain
    },
    next,
    send: (kind) => {
      if (kind.case === 'welcome') welcomed()
      call.write(create(PushResponseSchema, { frame: create(CollectorFrameSchema, { kind }) }))
    },
    end: (fault) => {
      if (fault === undefined) call.end()
      else call.emit('error', faultToStatus(fault))
    },
    watch: ({ relieved, gone }) => {
      call.on('drain', relieved)
      call.on('close', relieved)
      call.on('cancelled', gone)
    },
  }
}

/**
 * Reads frame by frame. Not with the call's iterator: that destroys the call at its first error, and what this side
 * refuses is such an error, so that a peer who was waited for would never get the status.
 */
function readerOf(call: PushCall): Wire['next'] {
  let ended = false
  let broken: Error | undefined
  let moved = Promise.withResolvers<void>()
  const wake = (): void => moved.resolve()
  call.on('readable', wake)
  call.on('end', () => {
    ended = true
    wake()
  })
  call.on('error', (error) => {
    broken ??= error
    wake()
  })
  call.on('close', () => {
    if (!ended) broken ??= new Error('the connection broke off')
    wake()
  })
  return async () => {
    for (;;) {
      // What is thrown first is why; frames that came before are nobody's any more.
      if (broken !== undefined) throw broken
      const request = call.read() as PushRequest | null
      if (request !== null) return request.frame?.kind ?? { case: undefined }
      if (ended) return undefined
      await moved.promise
      moved = Promise.withResolvers()
    }
  }
}
