import { isLoopback } from '@vouch/proto/kernel/address.ts'
import { readFile } from 'node:fs/promises'
import { create } from '@bufbuild/protobuf'
import { credentials } from '@grpc/grpc-js'
import {
  GetUsageRequestSchema,
  type GetUsageResponse,
  RatingService,
} from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { FaultError, fail } from '@vouch/proto/kernel/fault.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'
import type { RatingConfig } from '../config.ts'
import { textTable } from '../verify/text-table.ts'

/** Asks the running service for usage and gives a table. Throws a FaultError. */
export async function printUsage(
  { resource, meter, period }: { resource: string; meter: string; period: Period },
  config: RatingConfig,
): Promise<string> {
  const { listen, tls, tlsCaFile } = config
  if (tls === 'off' && !isLoopback(listen)) {
    throw new FaultError(fail('CONFIG_INVALID', 'VOUCH_TLS=off is for loopback only').fault)
  }
  const authority = tlsCaFile === undefined ? null : await readFile(tlsCaFile)
  const channel = tls === 'off' ? credentials.createInsecure() : credentials.createSsl(authority)
  const client = makeClient(RatingService, listen, channel)
  try {
    const stretch = { fromMs: BigInt(period.from), toMs: BigInt(period.to) }
    const request = create(GetUsageRequestSchema, { resource, meter, period: stretch })
    return usageTable(await client.getUsage(request))
  } catch (error) {
    throw new FaultError(faultOfError(error), { cause: error })
  } finally {
    client.close()
  }
}

/** Usage by stream, then by meter, with what is not covered. */
export function usageTable(response: GetUsageResponse): string {
  const rows = response.meters.flatMap(({ meter, unit, quantity, streams }) => [
    ...streams.map(({ resource, quantity: own, coverage }) => [
      meter,
      resource,
      own,
      unit,
      `${coverage?.spreadMs ?? 0n}`,
      `${coverage?.missingMs ?? 0n}`,
    ]),
    ...(streams.length > 1 ? [[meter, 'total', quantity, unit, '', '']] : []),
  ])
  return textTable(['meter', 'resource', 'quantity', 'unit', 'spread ms', 'missing ms'], rows, [2, 4, 5])
}
