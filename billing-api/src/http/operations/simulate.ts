import type { Static } from '@fastify/type-provider-typebox'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { monthOf } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { at } from '../../catalogue/item.ts'
import type { Account } from '../../contract/contract.ts'
import { rankCourses } from '../../invoice/simulation.ts'
import type { Course } from '../../invoice/simulation.ts'
import { findAccount } from '../../postgres/accounts.ts'
import { assignedOver } from '../../postgres/assigned.ts'
import { availabilityIn } from '../../postgres/availability.ts'
import { findTariff } from '../../postgres/catalogue.ts'
import { contractsIn } from '../../postgres/contracts.ts'
import { rateAccount } from '../../postgres/draw.ts'
import { openGrantBooks } from '../../postgres/grants.ts'
import { found, write } from '../operation.ts'
import type { WriteContext } from '../operation.ts'
import { SimulationBody, SimulationReply } from '../invoice-schemas.ts'
import { simulationView } from '../invoice-views.ts'

/** POST /v1/simulations */
export const simulate = write({
  id: 'simulate',
  path: '/v1/simulations',
  scope: 'write',
  summary:
    'What real usage of an account would have cost under its contracts and under other tariffs, month by month',
  status: 200,
  action: 'simulation.run',
  body: SimulationBody,
  reply: SimulationReply,
  run: async (context, { body }) => {
    const account = found(await findAccount(context.sql, body.account), `account ${body.account}`)
    const periods = monthsOf(account, body)
    const candidates = await tariffsOf(context, body)
    const present = await presentCourse(context, account, periods)
    const currency = present?.currency ?? currencyOf(candidates[0]!)
    const courses: Course[] = present === undefined ? [] : [present.course]
    for (const [index, tariff] of candidates.entries()) {
      if (tariff.currency !== currency)
        throwFault('CURRENCY_MISMATCH', `it is in ${tariff.currency}, others are in ${currency}`, {
          pointer: `/candidates/${index}`,
        })
      courses.push(await courseUnder(context, account, periods, tariff, currency))
    }
    return {
      reply: simulationView(account, periods, rankCourses(courses, currency)),
      subject: account.id,
    }
  },
})

function monthsOf({ timeZone }: Account, { from, months }: Static<typeof SimulationBody>): Period[] {
  return Array.from({ length: months }, (_, index) => {
    const month = from.month - 1 + index
    const year = from.year + Math.trunc(month / 12)
    return unwrap(at('/from', monthOf(timeZone, year, (month % 12) + 1)))
  })
}

async function tariffsOf(
  { sql }: WriteContext,
  { candidates }: Static<typeof SimulationBody>,
): Promise<Tariff[]> {
  const tariffs: Tariff[] = []
  for (const [index, candidate] of candidates.entries()) {
    const tariff = await findTariff(sql, candidate)
    const pointer = `/candidates/${index}`
    tariffs.push(
      tariff ?? throwFault('NOT_FOUND', `there is no tariff ${candidate.id} of this version`, { pointer }),
    )
  }
  return tariffs
}

/** What the contracts of the account come to; undefined where it has none in any of the periods. */
async function presentCourse(
  context: WriteContext,
  account: Account,
  periods: readonly Period[],
): Promise<{ readonly course: Course; readonly currency: CurrencyCode } | undefined> {
  const months = []
  const grants = openGrantBooks(context.sql, account.id, periods[0]!.from)
  for (const period of periods) {
    const contracts = await contractsIn(context.sql, account.id, period)
    months.push(await rateAccount(context, account, period, { contracts, grants }))
  }
  const names = new Set(months.flat().map(({ tariff }) => tariff.currency))
  const [name] = names
  if (name === undefined) return undefined
  if (names.size > 1) throwFault('CURRENCY_MISMATCH', `the contracts are in ${[...names].join(' and ')}`)
  const currency = unwrap(parseCurrency(name))
  const totals = months.map((rated) =>
    totalOf(
      rated.flatMap(({ charges }) => charges),
      currency,
    ),
  )
  return { course: { tariff: undefined, totals }, currency }
}

async function courseUnder(
  { sql, rating }: WriteContext,
  account: Account,
  periods: readonly Period[],
  tariff: Tariff,
  currency: CurrencyCode,
): Promise<Course> {
  const totals: Money[] = []
  const grants = openGrantBooks(sql, account.id, periods[0]!.from)
  for (const period of periods) {
    const assigned = await assignedOver(sql, rating, account.id, period)
    const stretch = { period, inForce: period, timeZone: account.timeZone }
    const measured = await rating.measure(tariff, stretch, assigned)
    const { charges } = await rating.rate(tariff, {
      ...measured,
      availability: await availabilityIn(sql, account.id, period),
      used: await grants.used(tariff.currency),
    })
    grants.count(charges)
    totals.push(totalOf(charges, currency))
  }
  return { tariff: { id: tariff.tariffId, version: tariff.version }, totals }
}

function totalOf(charges: readonly { readonly amount: string }[], currency: CurrencyCode): Money {
  return sumMoney(
    charges.map(({ amount }) => unwrap(parseAmount(amount, currency))),
    currency,
  )
}

function currencyOf({ currency }: Tariff): CurrencyCode {
  return unwrap(parseCurrency(currency))
}
