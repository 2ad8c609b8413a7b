import { create } from '@bufbuild/protobuf'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import {
  AgentKeySchema,
  RegisterKind,
  StreamDefinitionSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type { SignedBatch, StreamDefinition } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import {
  GetEvidenceResponseSchema,
  GetUsageResponseSchema,
  RateResponseSchema,
  RatingService,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { GetEvidenceResponse, RateRequest } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Item, Period } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { ChargeSchema, GapKind, StreamUsageSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Charge, StreamUsage } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { formatDecimal, formatExact, parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { parseMeter } from '@vouch/proto/kernel/meter.ts'
import { formatAmount, roundToMoney } from '@vouch/proto/kernel/money.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { formatFraction, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { roundingByName } from '@vouch/proto/kernel/rounding.ts'
import { conversion } from '@vouch/proto/kernel/unit.ts'
import { sealBatch } from '@vouch/proto/seal/batch.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import { encodeBody } from '@vouch/proto/wire/body.ts'
import { addService, faultToStatus } from '@vouch/proto/wire/grpc.ts'

/** A rating service over real gRPC whose meters all run at one unit a second, measured by one agent. */
export interface FakeRating {
  /** host:port */
  readonly address: string
  /** When set, every call fails with it. */
  fault: Fault | undefined
  /** When set, each call waits for it first. */
  gate: Promise<void> | undefined
  /** Requests to Rate so far. */
  readonly requests: RateRequest[]
  /** Loses the signed batches, as a broken archive would. */
  forget(): void
  /** Finds them again. */
  remember(): void
  close(): void
}

const MS_PER_SECOND = 1000n

/** Starts it on a free loopback port. */
export async function startFakeRating(): Promise<FakeRating> {
  const agent = testAgent()
  const requests: RateRequest[] = []
  const server = new Server()
  const fake = { fault: undefined as Fault | undefined, gate: undefined as Promise<void> | undefined }
  const guarded = async <T>(answer: () => T, callback: (error: unknown, value?: T) => void) => {
    await fake.gate
    if (fake.fault === undefined) callback(null, answer())
    else callback(faultToStatus(fake.fault))
  }
  addService(server, RatingService, {
    rate: (call, callback) => {
      requests.push(call.request)
      void guarded(
        () => create(RateResponseSchema, { charges: chargesOf(agent, call.request) }),
        callback as never,
      )
    },
    getUsage: ({ request }, callback) => {
      const { resource, meter, period } = request
      const usage = agent.measure(resource, meter, period!)
      const meters = [{ meter, unit: unitOf(meter), quantity: usage.quantity, streams: [usage] }]
      void guarded(() => create(GetUsageResponseSchema, { meters }), callback as never)
    },
    getEvidence: (call) => {
      const answers = agent.evidence(call.request.batchDigests)
      if (answers === undefined) {
        call.emit('error', faultToStatus(fail('EVIDENCE_MISSING', 'a batch is gone').fault))
        return
      }
      for (const answer of answers) call.write(answer)
      call.end()
    },
  })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  return Object.assign(fake, {
    address: `127.0.0.1:${port}`,
    requests,
    forget: () => agent.setArchive(false),
    remember: () => agent.setArchive(true),
    close: () => server.forceShutdown(),
  })
}

function chargesOf(agent: TestAgent, { tariff, assignments }: RateRequest): Charge[] {
  const { currency, amountRounding, items, prices } = tariff!
  return items.flatMap((item, index) =>
    assignments
      // A resource of this name has an agent that never came up.
      .filter(({ resource }) => resource !== 'host:silent')
      .map(({ resource, period }) =>
        charge(agent.measure(resource, item.meter, period!), item, prices[index]!.model.value!.unitPrice, {
          currency,
          amountRounding,
        }),
      ),
  )
}

function charge(
  usage: StreamUsage,
  item: Item,
  unitPrice: string,
  rules: { readonly currency: string; readonly amountRounding: string },
): Charge {
  const { mode, scale } = item.quantityRounding!
  const baseUnit = unitOf(item.meter)
  const factor = unwrap(conversion(baseUnit, item.unit))
  const exact = multiply(rational(BigInt(usage.quantity)), factor)
  const quantity = formatDecimal(exact, scale, unwrap(roundingByName(mode)))
  const product = multiply(unwrap(parseDecimal(quantity)), unwrap(parseDecimal(unitPrice)))
  const currency = unwrap(parseCurrency(rules.currency))
  const amount = formatAmount(roundToMoney(product, currency, unwrap(roundingByName(rules.amountRounding))))
  return create(ChargeSchema, {
    lineId: `${item.itemId} ${usage.resource} ${formatInstant(Number(usage.period!.fromMs))}`,
    itemId: item.itemId,
    resource: usage.resource,
    meter: item.meter,
    period: usage.period!,
    baseQuantity: usage.quantity,
    baseUnit,
    quantity,
    unit: item.unit,
    unitPrice,
    amount,
    currency,
    trace: [
      { rule: 'sum of streams', input: `1 of ${item.meter}`, output: usage.quantity },
      {
        rule: `${baseUnit} to ${item.unit}`,
        input: `${usage.quantity} × ${text(factor)}`,
        output: text(exact),
      },
      { rule: `quantity ${mode} ${scale}`, input: text(exact), output: quantity },
      {
        rule: 'per unit',
        input: `${text(unwrap(parseDecimal(quantity)))} × ${text(unwrap(parseDecimal(unitPrice)))}`,
        output: text(product),
      },
      { rule: `amount ${rules.amountRounding} ${currency}`, input: text(product), output: amount },
    ],
    usage: [usage],
  })
}

function text(value: Rational): string {
  return formatExact(value) ?? formatFraction(value)
}

function unitOf(meter: string): string {
  return unwrap(parseMeter(meter)).unit
}

type TestAgent = ReturnType<typeof testAgent>

/** Signs a batch with the first and last reading of whatever is asked for; the batches form a chain. */
function testAgent() {
  const signer = signerOf(generateKeys().privateKey)
  const agentId = new Uint8Array(16).fill(7)
  const runId = new Uint8Array(16).fill(9)
  const chain: { digest: string; signed: SignedBatch }[] = []
  const streams = new Map<string, StreamDefinition>()
  /** Stream id by digest. */
  const streamOf = new Map<string, string>()
  const measured = new Map<string, StreamUsage>()
  let archived = true
  let previousDigest: Uint8Array = new Uint8Array(0)

  function sign(
    stream: StreamDefinition,
    times: BigUint64Array<ArrayBuffer>,
    registers: BigUint64Array<ArrayBuffer>,
  ) {
    const body = encodeBody({
      streamIds: new Uint8Array(stream.streamId),
      timeBaseMs: Number(times[0]),
      segmentStream: Uint32Array.of(0),
      segmentEpoch: BigUint64Array.of(1n),
      segmentRows: Uint32Array.of(2),
      timeMs: times,
      register: registers,
      spanMs: Uint32Array.of(0, 60_000),
      losses: [],
    })
    const clock = { wallMs: times[1]!, monotonicMs: 1n, boottimeMs: 1n, bootId: runId }
    const header = {
      agentId,
      runId,
      sequence: BigInt(chain.length + 1),
      previousDigest,
      clock,
      agentVersion: 'test',
    }
    const { signed, digest } = sealBatch(header, body, signer)
    chain.push({ digest: toHex(digest), signed })
    streams.set(toHex(stream.streamId), stream)
    streamOf.set(toHex(digest), toHex(stream.streamId))
    previousDigest = digest
    return digest
  }

  return {
    setArchive: (intact: boolean) => {
      archived = intact
    },
    measure: (resource: string, meter: string, period: Period): StreamUsage => {
      const name = `${resource} ${meter} ${period.fromMs} ${period.toMs}`
      const known = measured.get(name)
      if (known !== undefined) return known
      const { fromMs, toMs } = period
      const identity = { resource, meter, unit: unitOf(meter), kind: RegisterKind.COUNTER }
      const stream = create(StreamDefinitionSchema, { ...identity, streamId: streamId(agentId, identity) })
      const times = BigUint64Array.of(fromMs, toMs)
      const registers = BigUint64Array.of(fromMs / MS_PER_SECOND, toMs / MS_PER_SECOND)
      const batchDigest = sign(stream, times, registers)
      const boundary = (row: 0 | 1) => ({
        atMs: times[row]!,
        register: registers[row]!,
        before: { batchDigest, row, timeMs: times[row]!, register: registers[row]! },
      })
      const quantity = registers[1]! - registers[0]!
      const usage = create(StreamUsageSchema, {
        streamId: stream.streamId,
        agentId,
        resource,
        period,
        quantity: `${quantity}`,
        epochs: [{ epoch: 1n, opening: boundary(0), closing: boundary(1), quantity }],
        coverage: {
          coveredMs: toMs - fromMs - 60_000n,
          spreadMs: 60_000n,
          gaps: [{ fromMs, toMs: fromMs + 60_000n, kind: GapKind.SPREAD }],
        },
      })
      measured.set(name, usage)
      return usage
    },
    evidence: (digests: readonly Uint8Array[]): GetEvidenceResponse[] | undefined => {
      const wanted = new Set(digests.map(toHex))
      const places = chain.flatMap(({ digest }, index) => (wanted.has(digest) ? [index] : []))
      if (!archived || places.length < wanted.size) return undefined
      const answer = (kind: GetEvidenceResponse['kind']) => create(GetEvidenceResponseSchema, { kind })
      const batches = chain.slice(places[0], (places.at(-1) ?? -1) + 1).map(({ digest, signed }) => {
        const value = wanted.has(digest) ? signed : { ...signed, body: new Uint8Array(0) }
        return answer({ case: 'batch', value })
      })
      const inFull = new Set([...wanted].map((digest) => streamOf.get(digest)))
      const named = [...streams].filter(([id]) => inFull.has(id))
      const value = create(AgentKeySchema, { agentId, keyId: signer.keyId, publicKey: signer.publicKey })
      return [
        ...batches,
        ...named.map(([, stream]) => answer({ case: 'stream', value: stream })),
        answer({ case: 'key', value }),
      ]
    },
  }
}
