import { create } from '@bufbuild/protobuf'
import { AvailabilitySchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Availability } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { formatExact, parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { ZERO, add } from '@vouch/proto/kernel/rational.ts'
import { ends } from './contracts.ts'
import type { Sql } from './database.ts'

/** How available a service was to an account in a period. */
export interface ServiceAvailability {
  readonly account: string
  readonly service: string
  readonly period: Period
  /** Minutes, or requests; decimal text. */
  readonly expected: string
  readonly available: string
}

/** Notes it. Faults: ALREADY_EXISTS where something is noted of a part of the period. */
export async function insertAvailability(sql: Sql, entry: ServiceAvailability, nowMs: number): Promise<void> {
  const { account, service, period, expected, available } = entry
  await sql.rows('INSERT INTO billing.availability VALUES ($1, $2, tstzrange($3, $4), $5, $6, $7)', [
    account,
    service,
    ...ends(period),
    expected,
    available,
    formatInstant(nowMs),
  ])
}

/** What is noted of periods that lie in this one, summed by service. */
export async function availabilityIn(sql: Sql, account: string, period: Period): Promise<Availability[]> {
  const rows = await sql.rows<{ service: string; expected: string; available: string }>(
    `SELECT service, expected, available FROM billing.availability
     WHERE account_id = $1 AND period <@ tstzrange($2, $3) ORDER BY service, lower(period)`,
    [account, ...ends(period)],
  )
  return [...Map.groupBy(rows, ({ service }) => service)].map(([service, own]) =>
    create(AvailabilitySchema, {
      service,
      expected: sumOf(own.map(({ expected }) => expected)),
      available: sumOf(own.map(({ available }) => available)),
    }),
  )
}

function sumOf(texts: readonly string[]): string {
  const sum = texts.reduce((all, text) => add(all, unwrap(parseDecimal(text))), ZERO)
  return formatExact(sum) ?? '0'
}
