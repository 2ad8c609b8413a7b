import { create } from '@bufbuild/protobuf'
import { credentials } from '@grpc/grpc-js'
import type { Engine } from '@vouch/clickhouse'
import { GetUsageRequestSchema, RatingService } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import type { GetUsageResponse } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { makeClient } from '@vouch/proto/wire/grpc.ts'
import { createRating, readRatingConfig } from '@vouch/rating/index.ts'

/** Half-open period, epoch milliseconds. */
export interface Stretch {
  readonly fromMs: number
  readonly toMs: number
}

const HOUR_MS = 3_600_000
const silent = { info: () => {}, warn: () => {}, error: () => {} }

/** Usage of a resource and everything below it over each period, asked of a rating service over gRPC. */
export async function askUsage(
  engine: Engine,
  database: string,
  resource: string,
  periods: readonly Stretch[],
): Promise<GetUsageResponse[]> {
  const environment = {
    VOUCH_TLS: 'off',
    VOUCH_RATING_LISTEN: '127.0.0.1:0',
    VOUCH_DATA_DIR: engine.path,
    VOUCH_CLICKHOUSE_DATABASE: database,
  }
  const config = unwrap(readRatingConfig(environment))
  const rating = createRating({ config, clickhouse: () => engine.connect(), logger: silent })
  const { address } = await rating.start()
  const client = makeClient(RatingService, address, credentials.createInsecure())
  try {
    const answers: GetUsageResponse[] = []
    for (const { fromMs, toMs } of periods) {
      const period = { fromMs: BigInt(fromMs), toMs: BigInt(toMs) }
      answers.push(await client.getUsage(create(GetUsageRequestSchema, { resource, period })))
    }
    return answers
  } finally {
    client.close()
    await rating.stop()
  }
}

/** The period widened by an hour and more on both sides: its own hours are whole, and come from the lattice. */
export function wholeHours({ fromMs, toMs }: Stretch): Stretch {
  const hourOf = (ms: number): number => ms - (ms % HOUR_MS)
  return { fromMs: hourOf(fromMs) - HOUR_MS, toMs: hourOf(toMs) + 2 * HOUR_MS }
}
