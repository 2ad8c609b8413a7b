import type { Invoice } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { lineId } from '../rate/line-id.ts'
import { priceUsage } from '../tariff/charge.ts'
import { type PricedTariff, parseTariff } from '../tariff/tariff.ts'
import { selfAndAncestors } from '../usage/resource.ts'
import { mismatch, same, uniqueIndex } from './mismatch.ts'
import type { Archive } from './readings.ts'
import { checkStreamUsage, periodOf } from './usage.ts'

/** The tariffs of a proof by id and version. */
type Tariffs = ReadonlyMap<string, { readonly tariff: PricedTariff; readonly path: string }>

/** Checks every tariff, then every line's usage and price; each tariff must price a line. */
export function checkCharges(invoice: Invoice, tariffs: readonly Tariff[], archive: Archive): void {
  const known = checkTariffs(tariffs)
  const used = new Set<string>()
  for (const [i, line] of invoice.lines.entries()) {
    const path = `invoice.lines[${i}]`
    const key = `${line.tariffId} ${line.tariffVersion}`
    const found = known.get(key)
    if (found === undefined)
      return mismatch(
        `${path}.tariffId`,
        `the proof has no tariff ${line.tariffId}, version ${line.tariffVersion}`,
      )
    used.add(key)
    if (line.charge === undefined) return mismatch(`${path}.charge`, 'is missing')
    checkCharge(`${path}.charge`, line.charge, found.tariff, archive)
    const name = found.tariff.items.find(({ itemId }) => itemId === line.charge?.itemId)?.name ?? ''
    same(`${path}.description`, line.description, name)
  }
  const idle = [...known].find(([key]) => !used.has(key))
  if (idle !== undefined) mismatch(idle[1].path, 'prices no line of the invoice')
  checkSingleBilling(invoice)
}

function checkTariffs(tariffs: readonly Tariff[]): Tariffs {
  const key = (tariff: Tariff): string => `${tariff.tariffId} ${tariff.version}`
  uniqueIndex('tariffs', tariffs, key)
  const checked = tariffs.map((tariff, i) => {
    const path = `tariffs[${i}]`
    const parsed = parseTariff(tariff)
    if (parsed.ok) return [key(tariff), { tariff: parsed.value, path }] as const
    const [first = parsed.fault] = parsed.fault.causes ?? []
    const pointer = (first.pointer ?? '').replaceAll(/\/(\d+)/g, '[$1]').replaceAll('/', '.')
    return mismatch(`${path}${pointer}`, first.message)
  })
  return new Map(checked)
}

function checkCharge(path: string, charge: Charge, tariff: PricedTariff, archive: Archive): void {
  const item = tariff.items.find(({ itemId }) => itemId === charge.itemId)
  if (item === undefined)
    return mismatch(`${path}.itemId`, `tariff ${tariff.tariffId} has no item ${charge.itemId}`)
  same(`${path}.meter`, charge.meter, item.meter)
  const period = periodOf(`${path}.period`, charge.period)
  same(`${path}.lineId`, charge.lineId, lineId(item.itemId, charge.resource, period.from))
  if (charge.usage.length === 0) mismatch(`${path}.usage`, 'is empty: nothing proves the quantity')
  uniqueIndex(`${path}.usage`, charge.usage, ({ streamId }) => toHex(streamId))
  const quantities = charge.usage.map((usage, i) =>
    checkStreamUsage(`${path}.usage[${i}]`, usage, charge, archive),
  )
  checkNoOverlap(path, charge)
  const total = quantities.reduce((sum, quantity) => sum + quantity, 0n)
  same(`${path}.baseQuantity`, charge.baseQuantity, `${total}`)
  const price = priceUsage(item, tariff, quantities, charge.baseUnit)
  if (!price.ok) return mismatch(`${path}.baseUnit`, price.fault.message)
  same(`${path}.quantity`, charge.quantity, price.value.quantity)
  same(`${path}.unit`, charge.unit, item.unit)
  same(`${path}.unitPrice`, charge.unitPrice, price.value.unitPrice)
  same(`${path}.amount`, charge.amount, price.value.amount)
  same(`${path}.currency`, charge.currency, tariff.currency)
  for (const [i, step] of price.value.trace.entries()) {
    const shown = charge.trace[i]
    if (shown === undefined) return mismatch(`${path}.trace[${i}]`, 'is missing')
    same(`${path}.trace[${i}].rule`, shown.rule, step.rule)
    same(`${path}.trace[${i}].input`, shown.input, step.input)
    same(`${path}.trace[${i}].output`, shown.output, step.output)
  }
  same(`${path}.trace`, charge.trace.length, price.value.trace.length)
}

/** Two streams of one resource may follow each other in a charge, never run side by side. */
function checkNoOverlap(path: string, charge: Charge): void {
  for (const group of Map.groupBy(charge.usage.entries(), ([, { resource }]) => resource).values()) {
    const parts = group
      .flatMap(([i, { epochs }]) =>
        epochs.map(({ opening, closing }) => ({ i, from: opening!.atMs, to: closing!.atMs })),
      )
      .toSorted((a, b) => (a.from < b.from ? -1 : 1))
    let latest = parts[0]
    for (const part of parts.slice(1)) {
      if (latest !== undefined && part.i !== latest.i && part.from < latest.to) {
        mismatch(
          `${path}.usage[${part.i}]`,
          `overlaps usage[${latest.i}] in time: the same use would be billed twice`,
        )
      }
      if (latest === undefined || part.to > latest.to) latest = part
    }
  }
}

/** No use is on two lines: the same item for a resource and one below it at the same time. */
function checkSingleBilling(invoice: Invoice): void {
  const lines = invoice.lines.map((line, i) => ({ i, charge: line.charge! }))
  const known = Map.groupBy(lines, ({ charge }) => `${charge.meter} ${charge.itemId} ${charge.resource}`)
  for (const { i, charge } of lines) {
    const above = selfAndAncestors(charge.resource).flatMap(
      (resource) => known.get(`${charge.meter} ${charge.itemId} ${resource}`) ?? [],
    )
    const twin = above.find(
      (other) =>
        other.i !== i &&
        other.charge.period!.fromMs < charge.period!.toMs &&
        charge.period!.fromMs < other.charge.period!.toMs,
    )
    if (twin === undefined) continue
    const [first, second] = [Math.min(i, twin.i), Math.max(i, twin.i)]
    mismatch(`invoice.lines[${second}]`, `bills what invoice.lines[${first}] bills`)
  }
}
