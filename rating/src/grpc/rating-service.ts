import type { Server, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js'
import {
  type GetEvidenceRequest,
  type GetEvidenceResponse,
  RatingService,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { FaultError, type Result, fail } from '@vouch/proto/kernel/fault.ts'
import { addService, faultToStatus } from '@vouch/proto/wire/grpc.ts'
import type { ChainLimits } from '../evidence/chain.ts'
import { evidence } from '../evidence/evidence.ts'
import { pinEvidence } from '../evidence/pin.ts'
import type { Archive, EvidencePins, Logger, UsageStore } from '../rate/ports.ts'
import { measure } from '../rate/measure.ts'
import { checkTariff, rate } from '../rate/rate.ts'
import { usageSeries } from '../rate/series.ts'
import { listMeters, listResources, usageReport } from '../rate/usage-report.ts'

/** What the service answers from. */
export interface RatingParts {
  readonly store: UsageStore
  readonly archive: Archive
  readonly pins: EvidencePins
  readonly limits: ChainLimits
  readonly logger: Logger
}

/** Adds RatingService to a server. */
export function addRatingService(server: Server, parts: RatingParts): void {
  addService(server, RatingService, {
    getUsage: (call, answer) =>
      unary('GetUsage', () => usageReport(call.request, parts.store), answer, parts.logger),
    getSeries: (call, answer) =>
      unary('GetSeries', () => usageSeries(call.request, parts.store), answer, parts.logger),
    listResources: (call, answer) =>
      unary('ListResources', () => listResources(call.request, parts.store), answer, parts.logger),
    listMeters: (call, answer) =>
      unary('ListMeters', () => listMeters(call.request, parts.store), answer, parts.logger),
    checkTariff: (call, answer) =>
      unary('CheckTariff', async () => checkTariff(call.request), answer, parts.logger),
    measure: (call, answer) => unary('Measure', () => measure(call.request, parts), answer, parts.logger),
    rate: (call, answer) => unary('Rate', async () => rate(call.request), answer, parts.logger),
    pinEvidence: (call, answer) =>
      unary(
        'PinEvidence',
        () => pinEvidence(call.request, parts.archive, parts.pins, parts.limits),
        answer,
        parts.logger,
      ),
    getEvidence: (call) => void streamEvidence(call, parts),
  })
}

function unary<T>(
  method: string,
  run: () => Promise<Result<T>>,
  answer: sendUnaryData<T>,
  logger: Logger,
): void {
  const refuse = (error: unknown): void => answer(refusal(method, error, logger))
  run().then(
    (result) => (result.ok ? answer(null, result.value) : refuse(new FaultError(result.fault))),
    refuse,
  )
}

/** The status that ends a call. What nobody expected is logged whole, and the peer is told only that. */
function refusal(method: string, error: unknown, logger: Logger): ReturnType<typeof faultToStatus> {
  if (error instanceof FaultError) {
    logger.warn({ method, code: error.fault.code }, error.fault.message)
    return faultToStatus(error.fault)
  }
  logger.error({ method, err: error }, 'a call failed')
  return faultToStatus(fail('INTERNAL', 'an unexpected error; the log of rating has it').fault)
}

async function streamEvidence(
  call: ServerWritableStream<GetEvidenceRequest, GetEvidenceResponse>,
  { archive, limits, logger }: RatingParts,
): Promise<void> {
  const writable = waiting(call)
  try {
    for await (const item of evidence(call.request, archive, limits)) {
      if (call.cancelled) return
      if (!call.write(item) && !call.cancelled) await writable()
    }
    call.end()
  } catch (error) {
    call.emit('error', refusal('GetEvidence', error, logger))
  }
}

/** Waits until the peer has read on, or has gone. */
function waiting(call: ServerWritableStream<GetEvidenceRequest, GetEvidenceResponse>): () => Promise<void> {
  let wake = (): void => {}
  call.on('drain', () => wake())
  call.on('cancelled', () => wake())
  return async () => new Promise((resolve) => (wake = resolve))
}
