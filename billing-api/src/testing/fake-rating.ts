import { create } from '@bufbuild/protobuf'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { ServerWritableStream } from '@grpc/grpc-js'
import {
  CheckTariffResponseSchema,
  GetSeriesResponseSchema,
  GetUsageResponseSchema,
  ListMetersResponseSchema,
  ListResourcesResponseSchema,
  MeasureResponseSchema,
  PinEvidenceResponseSchema,
  RatingService,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type {
  CheckTariffRequest,
  GetEvidenceRequest,
  GetEvidenceResponse,
  ListResourcesRequest,
  MeasureRequest,
  PinEvidenceRequest,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Snapshot } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { addService, faultToStatus } from '@vouch/proto/wire/grpc.ts'
import { rateResponse, seriesOf, snapshotOf } from './fake-charges.ts'
import { TestAgent, unitOf } from './test-agent.ts'

/** A rating service over real gRPC whose meters all run at one unit a second, measured by one agent. */
export interface FakeRating {
  /** host:port */
  readonly address: string
  /** When set, every call fails with it. */
  fault: Fault | undefined
  /** What measured, whatever the period. */
  resources: string[]
  /** Which meters measured, whatever the period. */
  meters: { meter: string; unit: string; resources: number }[]
  /** When set, measuring may fail by what is asked. */
  measureFault: ((request: MeasureRequest) => Fault | undefined) | undefined
  /** When set, each call waits for it first. */
  gate: Promise<void> | undefined
  /** Requests to Measure so far. */
  readonly requests: MeasureRequest[]
  /** Snapshots that Rate was asked for so far. */
  readonly rated: Snapshot[]
  /** Pins so far. */
  readonly pins: PinEvidenceRequest[]
  /** When set, pins fail with it. */
  pinFault: Fault | undefined
  /** Makes so many units of every meter of a resource known from now on. */
  arriveLate(resource: string, units: bigint): void
  /** Loses the signed batches, as a broken archive would. */
  forget(): void
  /** Finds them again. */
  remember(): void
  close(): void
}

/** Starts it on a free loopback port. */
export async function startFakeRating(): Promise<FakeRating> {
  const agent = new TestAgent()
  const requests: MeasureRequest[] = []
  const snapshots: Snapshot[] = []
  const pins: PinEvidenceRequest[] = []
  const server = new Server()
  const fake = {
    fault: undefined as Fault | undefined,
    pinFault: undefined as Fault | undefined,
    measureFault: undefined as FakeRating['measureFault'],
    gate: undefined as Promise<void> | undefined,
    resources: [] as string[],
    meters: [] as FakeRating['meters'],
  }
  const guarded = async <T>(answer: () => T, callback: (error: unknown, value?: T) => void, own?: Fault) => {
    await fake.gate
    const fault = fake.fault ?? own
    if (fault === undefined) callback(null, answer())
    else callback(faultToStatus(fault))
  }
  addService(server, RatingService, {
    checkTariff: ({ request }, callback) => {
      callback(null, create(CheckTariffResponseSchema, { faults: faultsOf(request) }))
    },
    measure: (call, callback) => {
      requests.push(call.request)
      const answer = () => create(MeasureResponseSchema, { snapshot: snapshotOf(agent, call.request) })
      void guarded(answer, callback as never, fake.measureFault?.(call.request))
    },
    rate: ({ request }, callback) => {
      snapshots.push(request.snapshot!)
      void guarded(() => rateResponse(request), callback as never)
    },
    getSeries: ({ request }, callback) => {
      void guarded(
        () => create(GetSeriesResponseSchema, { rows: seriesOf(agent, request) }),
        callback as never,
      )
    },
    listResources: ({ request }, callback) => callback(null, resourcesAfter(fake.resources, request)),
    listMeters: (_, callback) => callback(null, create(ListMetersResponseSchema, { meters: fake.meters })),
    getUsage: ({ request }, callback) => {
      const { resource, meter, period } = request
      const usage = agent.measure(resource, meter, period!)
      const meters = [{ meter, unit: unitOf(meter), quantity: usage.quantity, streams: [usage] }]
      void guarded(() => create(GetUsageResponseSchema, { meters }), callback as never)
    },
    pinEvidence: ({ request }, callback) => {
      const gone = agent.evidence(request.batchDigests) === undefined || request.retainUntilMs <= 0n
      const fault = fake.pinFault ?? (gone ? fail('EVIDENCE_MISSING', 'a batch is gone').fault : undefined)
      if (fault !== undefined) return callback(faultToStatus(fault))
      pins.push(request)
      callback(null, create(PinEvidenceResponseSchema, { batches: request.batchDigests.length }))
    },
    getEvidence: (call) => sendEvidence(agent, call),
  })
  const port = await listen(server)
  return Object.assign(fake, {
    address: `127.0.0.1:${port}`,
    requests,
    rated: snapshots,
    pins,
    arriveLate: (resource: string, units: bigint) => void agent.late.set(resource, units),
    forget: () => void (agent.archived = false),
    remember: () => void (agent.archived = true),
    close: () => server.forceShutdown(),
  })
}

function sendEvidence(
  agent: TestAgent,
  call: ServerWritableStream<GetEvidenceRequest, GetEvidenceResponse>,
): void {
  const answers = agent.evidence(call.request.batchDigests)
  if (answers === undefined) {
    call.emit('error', faultToStatus(fail('EVIDENCE_MISSING', 'a batch is gone').fault))
    return
  }
  for (const answer of answers) call.write(answer)
  call.end()
}

function resourcesAfter(resources: readonly string[], { after, limit }: ListResourcesRequest) {
  const rest = resources.toSorted().filter((name) => name > after)
  return create(ListResourcesResponseSchema, { resources: rest.slice(0, limit) })
}

async function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
}

/** A rule of this kind is refused. */
function faultsOf({ tariff }: CheckTariffRequest): Fault[] {
  return (tariff?.rules ?? []).flatMap(({ kind }, i) =>
    kind === 'nonsense' ? [fail('FIELD_INVALID', 'kind is none', { pointer: `/rules/${i}/kind` }).fault] : [],
  )
}
