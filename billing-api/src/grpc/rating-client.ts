import { create, toBinary } from '@bufbuild/protobuf'
import type { ChannelCredentials } from '@grpc/grpc-js'
import {
  CheckTariffRequestSchema,
  GetEvidenceRequestSchema,
  GetEvidenceResponseSchema,
  GetSeriesRequestSchema,
  GetUsageRequestSchema,
  ListMetersRequestSchema,
  ListResourcesRequestSchema,
  Grain,
  MeasureRequestSchema,
  PinEvidenceRequestSchema,
  RateRequestSchema,
  RatingService,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { GetEvidenceResponse } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { AgentKey, SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { FaultError, isFaultCode, throwFault } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'
import type { Client } from '@vouch/proto/wire/grpc.ts'
import type { Evidence, Rating } from '../ports.ts'

/** Bounds of the calls. */
export interface RatingClientOptions {
  /** host:port */
  readonly address: string
  readonly credentials: ChannelCredentials
  /** Longest wait for one answer. */
  readonly deadlineMs: number
  /** Largest evidence of one invoice, in bytes as sent. */
  readonly evidenceBytesMax: number
}

const GRAINS = {
  hour: Grain.HOUR,
  day: Grain.DAY,
  month: Grain.MONTH,
  year: Grain.YEAR,
  total: Grain.UNSPECIFIED,
} as const

type RatingCalls = Client<(typeof RatingService)['method']>

/** Charges come with their evidence: more than grpc-js allows by default. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024

/** The rating service over gRPC. */
export function openRating(options: RatingClientOptions): Rating & { close(): void } {
  const client = makeClient(RatingService, options.address, options.credentials, {
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  })
  const deadline = () => ({ deadline: Date.now() + options.deadlineMs })
  return {
    usage: async (resource, meter, period) => {
      const request = create(GetUsageRequestSchema, { resource, meter, period: periodInit(period) })
      return (await translated(client.getUsage(request, deadline()))).meters
    },
    series: async (period, timeZone, grain, assigned, meters) => {
      const request = create(GetSeriesRequestSchema, {
        period: periodInit(period),
        timeZone,
        grain: GRAINS[grain],
        assignments: assigned.map((one) => ({ ...one, period: periodInit(one.period) })),
        meters: [...meters],
      })
      return (await translated(client.getSeries(request, deadline()))).rows
    },
    checkTariff: async (tariff) => {
      const request = create(CheckTariffRequestSchema, { tariff })
      const { faults } = await translated(client.checkTariff(request, deadline()))
      return faults.map(({ code, message, pointer }) => {
        return { code: isFaultCode(code) ? code : 'TARIFF_INVALID', message, pointer }
      })
    },
    measure: async (tariff, { period, inForce, timeZone }, assigned, corrections) => {
      const place = { period: periodInit(period), inForce: periodInit(inForce), timeZone }
      const assignments = assigned.map((one) => ({ ...one, period: periodInit(one.period) }))
      const request = create(MeasureRequestSchema, {
        ...place,
        tariff,
        assignments,
        usageCorrections: [...corrections],
      })
      const { snapshot } = await translated(client.measure(request, deadline()))
      return snapshot ?? throwFault('UNAVAILABLE', 'rating answered without a snapshot')
    },
    rate: async (tariff, snapshot) =>
      translated(client.rate(create(RateRequestSchema, { tariff, snapshot }), deadline())),
    usageOfLines: async (tariff, snapshot) => {
      const request = create(RateRequestSchema, { tariff, snapshot, withUsage: true })
      return (await translated(client.rate(request, deadline()))).usage
    },
    resources: async (period, after, limit) => {
      const request = create(ListResourcesRequestSchema, {
        period: periodInit(period),
        after: after ?? '',
        limit,
      })
      return (await translated(client.listResources(request, deadline()))).resources
    },
    meters: async (period) => {
      const request = create(ListMetersRequestSchema, { period: periodInit(period) })
      return (await translated(client.listMeters(request, deadline()))).meters
    },
    evidence: (digests) => translated(collectEvidence(client, digests, options.evidenceBytesMax, deadline())),
    pin: async (document, retainUntilMs, digests) => {
      const request = create(PinEvidenceRequestSchema, {
        document,
        retainUntilMs: BigInt(retainUntilMs),
        batchDigests: [...digests],
      })
      await translated(client.pinEvidence(request, deadline()))
    },
    close: () => client.close(),
  }
}

async function collectEvidence(
  client: RatingCalls,
  digests: readonly Uint8Array[],
  bytesMax: number,
  options: { readonly deadline: number },
): Promise<Evidence> {
  const batches: SignedBatch[] = []
  const streams: StreamDefinition[] = []
  const keys: AgentKey[] = []
  let bytes = 0
  const answers = client.getEvidence(
    create(GetEvidenceRequestSchema, { batchDigests: [...digests] }),
    options,
  )
  for await (const answer of answers as AsyncIterable<GetEvidenceResponse>) {
    bytes += toBinary(GetEvidenceResponseSchema, answer).length
    if (bytes > bytesMax) {
      throwFault(
        'OUT_OF_RANGE',
        `the evidence exceeds ${bytesMax} bytes; raise VOUCH_BILLING_EVIDENCE_BYTES_MAX`,
      )
    }
    const { kind } = answer
    if (kind.case === 'batch') batches.push(kind.value)
    else if (kind.case === 'stream') streams.push(kind.value)
    else if (kind.case === 'key') keys.push(kind.value)
  }
  return { batches, streams, keys }
}

async function translated<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    const fault = faultOfError(error)
    const message = fault.code === 'UNAVAILABLE' ? `rating does not answer (${fault.message})` : fault.message
    throw new FaultError({ ...fault, message }, { cause: error })
  }
}

function periodInit({ from, to }: Period): { fromMs: bigint; toMs: bigint } {
  return { fromMs: BigInt(from), toMs: BigInt(to) }
}
