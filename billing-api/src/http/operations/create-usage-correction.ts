import type { Static } from '@fastify/type-provider-typebox'
import { create } from '@bufbuild/protobuf'
import { UsageCorrectionSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { UsageCorrection } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { parseDecimal } from '@vouch/proto/kernel/decimal.ts'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseResourceId, selfAndAncestors, uuidV7 } from '@vouch/proto/kernel/id.ts'
import { METERS, isBuiltInMeter, parseMeter } from '@vouch/proto/kernel/meter.ts'
import { parsePeriod } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { sign } from '@vouch/proto/kernel/rational.ts'
import { compareText } from '@vouch/proto/kernel/text-order.ts'
import { conversion, parseUnit } from '@vouch/proto/kernel/unit.ts'
import { signUsageCorrection } from '@vouch/proto/seal/usage-correction.ts'
import { at } from '../../catalogue/item.ts'
import { cutByContract } from '../../contract/contract.ts'
import { meets } from '../../contract/usage-correction.ts'
import { findAccount, lockAccount } from '../../postgres/accounts.ts'
import { isBorne } from '../../postgres/attributed.ts'
import { unitsSold } from '../../postgres/catalogue.ts'
import { contractsIn, holderOf } from '../../postgres/contracts.ts'
import type { Sql } from '../../postgres/database.ts'
import { issuedTouching } from '../../postgres/invoices.ts'
import { correctionsIn, insertCorrection, lockCorrections } from '../../postgres/usage-corrections.ts'
import { write } from '../operation.ts'
import { UsageCorrectionBody, UsageCorrectionReply, usageCorrectionView } from '../usage-correction-view.ts'

type Body = Static<typeof UsageCorrectionBody>

/** POST /v1/usage-corrections */
export const createUsageCorrection = write({
  id: 'createUsageCorrection',
  path: '/v1/usage-corrections',
  scope: 'write',
  summary:
    'Decide that usage was none, was another quantity, or is borne by another account; readings stay as they are',
  status: 201,
  action: 'usage-correction.create',
  body: UsageCorrectionBody,
  reply: UsageCorrectionReply,
  run: async ({ sql, nowMs, chance, issuer }, { body }) => {
    const period = unwrap(at('/period', parsePeriod(body.period.from, body.period.to)))
    if (period.to > nowMs)
      throwFault('OUT_OF_RANGE', 'nobody knows yet what will be used', { pointer: '/period/to' })
    const resource = unwrap(at('/resource', parseResourceId(body.resource)))
    checkMembers(body)
    const parties = body.kind === 'transfer' ? await partiesOf(sql, resource, period, body.to ?? '') : {}
    if (body.kind === 'replace') await checkSold(sql, body, resource, period)
    await lockCorrections(sql)
    const enteredMs = chance.nowMs()
    const { kind, meter = '', quantity = '', unit = '', reason, person } = body
    const entry = create(UsageCorrectionSchema, {
      correctionId: uuidV7(enteredMs, chance.random(10)),
      kind,
      resource,
      meter,
      period: { fromMs: BigInt(period.from), toMs: BigInt(period.to) },
      quantity,
      unit,
      ...parties,
      reason,
      person,
      enteredMs: BigInt(enteredMs),
    })
    await refuseSecond(sql, entry, period)
    const signed = signUsageCorrection(entry, issuer)
    await insertCorrection(sql, signed)
    return { reply: usageCorrectionView(signed), subject: signed.correctionId }
  },
})

/** A quantity where there is one to state, another account where there is one to bear it. */
function checkMembers({ kind, meter, quantity, unit, to }: Body): void {
  const refuse = (pointer: string, message: string): never =>
    throwFault('FIELD_INVALID', message, { pointer })
  if (kind !== 'replace' && quantity !== undefined) refuse('/quantity', 'only what is replaced has one')
  if (kind !== 'replace' && unit !== undefined) refuse('/unit', 'only what is replaced has one')
  if (kind !== 'transfer' && to !== undefined) refuse('/to', 'only a transfer goes to another account')
  if (kind === 'transfer' && meter !== undefined) refuse('/meter', 'a transfer is of all meters')
  if (kind === 'transfer' && to === undefined)
    throwFault('FIELD_MISSING', 'name the account that bears it', { pointer: '/to' })
  if (kind !== 'replace') {
    if (meter !== undefined && !isBuiltInMeter(meter)) unwrap(at('/meter', parseMeter(meter, '1')))
    return
  }
  for (const [name, text] of Object.entries({ meter, quantity, unit }))
    if (text === undefined)
      throwFault('FIELD_MISSING', `say the ${name} of what was used`, { pointer: `/${name}` })
  const value = unwrap(at('/quantity', parseDecimal(quantity!)))
  if (sign(value) < 0) throwFault('OUT_OF_RANGE', 'no less than nothing is used', { pointer: '/quantity' })
  const known = unwrap(at('/unit', parseUnit(unit!)))
  if (isBuiltInMeter(meter!)) unwrap(at('/unit', conversion(known, METERS[meter].unit)))
  else unwrap(at('/meter', parseMeter(meter!, unit)))
}

/** Who bore it by an assignment, and who does now. */
async function partiesOf(
  sql: Sql,
  resource: string,
  period: Period,
  toAccount: string,
): Promise<Pick<UsageCorrection, 'fromAccount' | 'toAccount'>> {
  if ((await findAccount(sql, toAccount)) === undefined)
    throwFault('NOT_FOUND', `there is no account ${toAccount}`, { pointer: '/to' })
  const fromAccount =
    (await holderOf(sql, selfAndAncestors(resource), period)) ??
    throwFault('NOT_FOUND', `no account has ${resource} assigned for all of the period`, {
      pointer: '/resource',
    })
  if (fromAccount === toAccount)
    throwFault('FIELD_INVALID', `${toAccount} bears it already`, { pointer: '/to' })
  // In one order, and before the ledger: whoever draws for them, or ends the assignment, waits for neither.
  for (const account of [fromAccount, toAccount].toSorted(compareText)) await lockAccount(sql, account)
  if ((await holderOf(sql, selfAndAncestors(resource), period)) !== fromAccount)
    throwFault('UNAVAILABLE', 'the assignment was changed meanwhile; send again')
  await checkParty(sql, fromAccount, period, '/resource')
  await checkParty(sql, toAccount, period, '/to')
  return { fromAccount, toAccount }
}

/** Both have to be billed for it, now or as a correction: else it would be billed twice, or to nobody. */
async function checkParty(sql: Sql, account: string, period: Period, pointer: string): Promise<void> {
  const contracts = await contractsIn(sql, account, period)
  const covered = lengthMs(cutByContract(period, contracts).map((part) => part.period))
  if (covered < period.to - period.from)
    throwFault('NOT_FOUND', `${account} is not under contract for all of the period`, { pointer })
  const [issued] = await issuedTouching(sql, account, period)
  if (issued !== undefined && contracts.some(({ closing }) => closing.lateUsage === 'reject'))
    throwFault(
      'INVOICE_ISSUED',
      `${issued.number} is issued, and the contract of ${account} rejects late usage`,
      {
        pointer,
      },
    )
}

/** What is stated is billed to somebody, in a unit in which it is sold. */
async function checkSold(sql: Sql, { meter, unit }: Body, resource: string, period: Period): Promise<void> {
  if (!(await isBorne(sql, resource, period)))
    throwFault('NOT_FOUND', `no account bears ${resource} for all of the period`, { pointer: '/resource' })
  const known = unwrap(at('/unit', parseUnit(unit!)))
  for (const sold of await unitsSold(sql, meter!))
    unwrap(at('/unit', conversion(known, unwrap(parseUnit(sold)))))
}

function lengthMs(periods: readonly Period[]): number {
  return periods.reduce((sum, { from, to }) => sum + (to - from), 0)
}

async function refuseSecond(sql: Sql, entry: UsageCorrection, period: Period): Promise<void> {
  const other = (await correctionsIn(sql, period)).find((each) => meets(each, entry))
  if (other !== undefined)
    throwFault(
      'ALREADY_EXISTS',
      `the entry ${other.correctionId} holds for part of this usage; withdraw it first`,
      { pointer: '/period' },
    )
}
