import { create } from '@bufbuild/protobuf'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import {
  GetUsageResponseSchema,
  PinEvidenceResponseSchema,
  RateResponseSchema,
  RatingService,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { PinEvidenceRequest, RateRequest } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { Item } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { ChargeSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Charge, StreamUsage } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import { formatDecimal, formatExact, parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { formatAmount, roundToMoney } from '@vouch/proto/kernel/money.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { formatFraction, multiply, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { roundingByName } from '@vouch/proto/kernel/rounding.ts'
import { conversion } from '@vouch/proto/kernel/unit.ts'
import { addService, faultToStatus } from '@vouch/proto/wire/grpc.ts'
import { TestAgent, unitOf } from './test-agent.ts'

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
  /** Pins so far. */
  readonly pins: PinEvidenceRequest[]
  /** When set, pins fail with it. */
  pinFault: Fault | undefined
  /** Loses the signed batches, as a broken archive would. */
  forget(): void
  /** Finds them again. */
  remember(): void
  close(): void
}

/** Starts it on a free loopback port. */
export async function startFakeRating(): Promise<FakeRating> {
  const agent = new TestAgent()
  const requests: RateRequest[] = []
  const pins: PinEvidenceRequest[] = []
  const server = new Server()
  const fake = {
    fault: undefined as Fault | undefined,
    pinFault: undefined as Fault | undefined,
    gate: undefined as Promise<void> | undefined,
  }
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
    pinEvidence: ({ request }, callback) => {
      const { batchDigests, retainUntilMs } = request
      const gone = agent.evidence(batchDigests) === undefined || retainUntilMs <= 0n
      const fault = fake.pinFault ?? (gone ? fail('EVIDENCE_MISSING', 'a batch is gone').fault : undefined)
      if (fault === undefined) pins.push(request)
      if (fault === undefined)
        callback(null, create(PinEvidenceResponseSchema, { batches: batchDigests.length }))
      else callback(faultToStatus(fault))
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
    pins,
    forget: () => void (agent.archived = false),
    remember: () => void (agent.archived = true),
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
