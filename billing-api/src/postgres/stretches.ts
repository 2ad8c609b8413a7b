import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { cutAtWindows } from '@vouch/proto/kernel/window.ts'
import { cutByContract } from '../contract/contract.ts'
import type { Account, Agreement } from '../contract/contract.ts'
import { windowsOf } from '../invoice/windows.ts'
import { tariffOf } from './catalogue.ts'
import { agreementOf, contractsIn } from './contracts.ts'
import type { Sql } from './database.ts'

/** A part of a period under one tariff that gets a statement of its own. */
export interface TariffStretch {
  readonly tariff: Tariff
  readonly inForce: Period
  readonly agreed: Agreement
}

/** The stretches of a period by contract, in order of time, cut where a window ends that rules count over. */
export async function stretchesOf(
  sql: Sql,
  { id, timeZone: zone }: Account,
  period: Period,
): Promise<TariffStretch[]> {
  const found: TariffStretch[] = []
  for (const { contract, period: part } of cutByContract(period, await contractsIn(sql, id, period))) {
    const tariff = await tariffOf(sql, contract)
    const agreed = await agreementOf(sql, contract)
    for (const inForce of cutAtWindows(part, windowsOf(tariff), { zone, contractFromMs: agreed.period.from }))
      found.push({ tariff, inForce, agreed })
  }
  return found
}
