import type { Static } from '@fastify/type-provider-typebox'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { collect, fail, ok, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { contains, monthOf } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { cutAtWindows } from '@vouch/proto/kernel/window.ts'
import { at } from '../../catalogue/item.ts'
import { agreementIn, closed, cutByContract } from '../../contract/contract.ts'
import type { Account } from '../../contract/contract.ts'
import type { Rated } from '../../invoice/draft.ts'
import { rankCourses } from '../../invoice/simulation.ts'
import { windowsOf } from '../../invoice/windows.ts'
import type { Course } from '../../invoice/simulation.ts'
import { findAccount } from '../../postgres/accounts.ts'
import { openBooks } from '../../postgres/books.ts'
import { findTariff } from '../../postgres/catalogue.ts'
import { contractsIn } from '../../postgres/contracts.ts'
import { rateAccount, rateStretch } from '../../postgres/draw.ts'
import { checkBegun } from '../begun.ts'
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
    checkBegun(periods.at(-1)!, context.nowMs, '/months')
    const [cost, candidates] = await tariffsOf(context, body)
    const present = await presentCourse(context, account, periods)
    const currency = present?.currency ?? currencyOf(candidates[0]!)
    const months = present?.months ?? periods.map((period) => ({ period, stretches: [period] }))
    const courses: Course[] = present === undefined ? [] : [present.course]
    checkCurrencies(candidates, cost, currency)
    for (const tariff of candidates)
      courses.push(await courseUnder(context, account, months, tariff, currency))
    const costs = cost && (await courseUnder(context, account, months, cost, currency)).totals
    const reply = simulationView(account, periods, rankCourses(courses, currency, costs))
    const ranking = reply.courses.map(({ tariff = null, total }) => ({ tariff, total }))
    return { reply, subject: account.id, detail: { ranking } }
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
  { candidates, cost }: Static<typeof SimulationBody>,
): Promise<[cost: Tariff | undefined, candidates: Tariff[]]> {
  const tariffs: Result<Tariff>[] = []
  const named = candidates.map((each, index) => ({ ...each, pointer: `/candidates/${index}` }))
  for (const { pointer, ...each } of cost === undefined ? named : [...named, { ...cost, pointer: '/cost' }]) {
    const tariff = await findTariff(sql, each)
    tariffs.push(
      tariff === undefined
        ? fail('NOT_FOUND', `there is no tariff ${each.id} of this version`, { pointer })
        : ok(tariff),
    )
  }
  const all = unwrap(collect(tariffs))
  return [all[candidates.length], all.slice(0, candidates.length)]
}

function checkCurrencies(
  candidates: readonly Tariff[],
  cost: Tariff | undefined,
  currency: CurrencyCode,
): void {
  const check = (tariff: Tariff, pointer: string): Result<Tariff> =>
    tariff.currency === currency
      ? ok(tariff)
      : fail('CURRENCY_MISMATCH', `it is in ${tariff.currency}, others are in ${currency}`, { pointer })
  const checks = candidates.map((tariff, index) => check(tariff, `/candidates/${index}`))
  unwrap(collect(cost === undefined ? checks : [...checks, check(cost, '/cost')]))
}

/** A month, and where in it the account is under contract: another tariff is compared over just that. */
interface Month {
  readonly period: Period
  readonly stretches: readonly Period[]
}

/** What the contracts of the account come to; undefined where it has none in any of the periods. */
async function presentCourse(
  context: WriteContext,
  account: Account,
  periods: readonly Period[],
): Promise<
  { readonly course: Course; readonly currency: CurrencyCode; readonly months: readonly Month[] } | undefined
> {
  const bills = []
  const months: Month[] = []
  const books = openBooks(context.sql, account.id, periods[0]!.from)
  for (const period of periods) {
    const contracts = await contractsIn(context.sql, account.id, period)
    months.push({ period, stretches: joined(cutByContract(period, contracts).map((part) => part.period)) })
    bills.push(await rateAccount(context, account, period, books))
  }
  const names = new Set(bills.flat().map(({ tariff }) => tariff.currency))
  const [name] = names
  if (name === undefined) return undefined
  if (names.size > 1) throwFault('CURRENCY_MISMATCH', `the contracts are in ${[...names].join(' and ')}`)
  const currency = unwrap(parseCurrency(name))
  const totals = bills.map((rated) => totalOf(rated, currency))
  return { course: { tariff: undefined, totals }, currency, months }
}

/** Stretches in order, those that follow each other as one: a contract that takes the place of another interrupts nothing. */
function joined(stretches: readonly Period[]): Period[] {
  const whole: Period[] = []
  for (const { from, to } of stretches) {
    const last = whole.at(-1)
    if (last?.to === from) whole[whole.length - 1] = { from: last.from, to }
    else whole.push({ from, to })
  }
  return whole
}

async function courseUnder(
  context: WriteContext,
  account: Account,
  months: readonly Month[],
  tariff: Tariff,
  currency: CurrencyCode,
): Promise<Course> {
  const totals: Money[] = []
  // Under another tariff all contracts that follow each other are one; without any, it begins with the first month.
  const contracts = (await contractsIn(context.sql, account.id, { from: 0, to: undefined })).map(
    (contract) => ({
      ...contract,
      tariff: tariff.tariffId,
    }),
  )
  const always = closed({ from: months[0]!.period.from, to: undefined })
  const books = openBooks(context.sql, account.id, months[0]!.period.from)
  for (const { period, stretches } of months) {
    const rated: Rated[] = []
    for (const stretch of stretches) {
      const contract = contracts.find((each) => contains(closed(each.period), stretch.from))
      const agreed =
        contract === undefined ? { period: always, cutShort: undefined } : agreementIn(contract, contracts)
      const place = { zone: account.timeZone, contractFromMs: agreed.period.from }
      for (const inForce of cutAtWindows(stretch, windowsOf(tariff), place))
        rated.push(
          await rateStretch(context, account, tariff, { period, inForce, agreed, billed: [] }, books),
        )
    }
    totals.push(totalOf(rated, currency))
  }
  return { tariff: { id: tariff.tariffId, version: tariff.version }, totals }
}

function totalOf(rated: readonly Rated[], currency: CurrencyCode): Money {
  return sumMoney(
    rated.flatMap(({ charges }) => charges.map(({ amount }) => unwrap(parseAmount(amount, currency)))),
    currency,
  )
}

function currencyOf({ currency }: Tariff): CurrencyCode {
  return unwrap(parseCurrency(currency))
}
