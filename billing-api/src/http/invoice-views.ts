import { toBinary } from '@bufbuild/protobuf'
import type { Static } from '@fastify/type-provider-typebox'
import type { Period as PeriodMessage, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { GapKind, SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type {
  BilledLine,
  Boundary,
  Charge,
  Snapshot,
  StreamUsage,
} from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { MeterUsage } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseCurrency } from '@vouch/proto/kernel/currency.ts'
import type { CurrencyCode } from '@vouch/proto/kernel/currency.ts'
import { parseAmount, sumMoney } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { formatInstant, period } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import { measurementsOf } from '../invoice/invoice.ts'
import type { Invoice, InvoiceLine, Statement } from '../invoice/invoice.ts'
import type { InvoiceHead } from '../postgres/invoices.ts'
import type * as invoiceSchema from './invoice-schemas.ts'
import type * as schema from './schemas.ts'
import type { CostCentreAmount } from '../attribution/cost-centre.ts'
import { totalsOf } from '../attribution/division.ts'
import type { Account } from '../contract/contract.ts'
import { exactText } from '../invoice/exact.ts'
import type { Ranked } from '../invoice/simulation.ts'
import { usageCorrectionView } from './usage-correction-view.ts'
import { amountView, millisecondsOf, periodView } from './views.ts'

/** An invoice without lines. */
export function invoiceSummary(invoice: InvoiceHead): Static<typeof invoiceSchema.InvoiceSummary> {
  const { id, seller, buyer, currency, timeZone, issue } = invoice
  const issued =
    issue === undefined
      ? {}
      : { number: issue.number, issuedAt: formatInstant(issue.atMs), proofSha256: toHex(issue.proofSha256) }
  return {
    id,
    status: issue === undefined ? 'draft' : 'issued',
    ...issued,
    seller,
    buyer,
    currency,
    period: periodView(invoice.period),
    timeZone,
    total: amountView(invoice.total),
    createdAt: formatInstant(invoice.createdMs),
  }
}

/** An invoice. */
export function invoiceView(invoice: Invoice): Static<typeof invoiceSchema.InvoiceReply> {
  return {
    ...invoiceSummary(invoice),
    lines: invoice.lines.map((line) => lineView(line, invoice)),
    statements: invoice.statements.map(statementView),
    ...totalsView(invoice),
    ...releaseView(invoice),
  }
}

/** Usage of a meter. */
export function usageView({
  meter,
  unit,
  quantity,
  streams,
}: MeterUsage): Static<typeof invoiceSchema.UsageReply> {
  return { meter, unit, quantity, streams: streams.map(streamView) }
}

function lineView(
  { lineNumber, statement, charge, amount, costCentres }: InvoiceLine,
  { statements }: Invoice,
): Static<typeof invoiceSchema.InvoiceReply>['lines'][number] {
  const { kind, pool, resource, meter, quantity, unit, unitPrice, currency, exact, coverage } = charge
  const { tariff: id = '', tariffVersion: version = 0, snapshot } = statements[statement] ?? {}
  const given = { pool, resource, meter, quantity, unit, corrects: snapshot?.corrects ?? '' }
  return {
    lineNumber,
    description: charge.description,
    kind,
    rule: charge.ruleId,
    item: charge.itemId,
    ...Object.fromEntries(Object.entries(given).filter(([, text]) => text !== '')),
    tariff: { id, version },
    period: periodOf(charge.period),
    ...(unitPrice === '' ? {} : { unitPrice: { amount: unitPrice, currency } }),
    exact,
    amount: amountView(amount),
    coverage: {
      coveredMs: millisecondsOf(coverage?.coveredMs),
      spreadMs: millisecondsOf(coverage?.spreadMs),
      missingMs: millisecondsOf(coverage?.missingMs),
      estimatedMs: millisecondsOf(coverage?.estimatedMs),
    },
    ...(costCentres.length === 0 ? {} : { costCentres: costCentres.map((part) => costCentreView(part)) }),
    held: charge.held,
    trace: charge.trace.map(({ rule, input, output }) => ({ rule, input, output })),
    streams: measurementsOf(charge, snapshot).flatMap(({ streams }) => streams.map(streamView)),
  }
}

/** Re-rated statements of an invoice: only lines that differ. */
export function reratingView(
  { currency, issue }: Invoice,
  statements: readonly {
    readonly tariff: Tariff
    readonly snapshot: Snapshot
    readonly billed: readonly BilledLine[]
    readonly charges: readonly Charge[]
  }[],
): Static<typeof invoiceSchema.ReratingReply> {
  const amounts = statements.flatMap(({ charges }) => charges.map(({ amount }) => amount))
  return {
    number: issue?.number ?? '',
    statements: statements.map(({ tariff, snapshot, billed, charges }) => ({
      tariff: { id: tariff.tariffId, version: tariff.version },
      period: periodOf(snapshot.inForce),
      lines: charges.map((charge) => differenceView(charge, billed)),
    })),
    difference: amountView(sumOf(amounts, currency)),
  }
}

function differenceView(
  charge: Charge,
  billed: readonly BilledLine[],
): Static<typeof invoiceSchema.ReratingReply>['statements'][number]['lines'][number] {
  const { lineId, description, kind, itemId, resource, quantity, unit, amount, trace } = charge
  const currency = unwrap(parseCurrency(charge.currency))
  const before = billed.filter((line) => line.lineId === lineId).map((line) => line.amount)
  return {
    line: lineId,
    description,
    kind,
    item: itemId,
    ...Object.fromEntries(Object.entries({ resource, quantity, unit }).filter(([, text]) => text !== '')),
    billed: amountView(sumOf(before, currency)),
    now: amountView(sumOf([...before, amount], currency)),
    difference: amountView(sumOf([amount], currency)),
    trace: trace.map(({ rule, input, output }) => ({ rule, input, output })),
  }
}

function sumOf(amounts: readonly string[], currency: CurrencyCode): Money {
  return sumMoney(
    amounts.map((amount) => unwrap(parseAmount(amount, currency))),
    currency,
  )
}

function costCentreView({
  costCentre,
  amount,
  share,
}: CostCentreAmount & { readonly share?: Rational | undefined }) {
  return {
    ...(costCentre === undefined ? {} : { costCentre }),
    amount: amountView(amount),
    ...(share === undefined ? {} : { share: exactText(share) }),
  }
}

function totalsView({ lines }: Invoice): Pick<Static<typeof invoiceSchema.InvoiceReply>, 'costCentres'> {
  const totals = totalsOf(lines.map(({ amount, costCentres: parts }) => ({ amount, parts })))
  return totals.length === 0 ? {} : { costCentres: totals.map((total) => costCentreView(total)) }
}

function releaseView({ release }: Invoice): Pick<Static<typeof invoiceSchema.InvoiceReply>, 'release'> {
  if (release === undefined) return {}
  const { atMs, actor, reason } = release
  return { release: { at: formatInstant(atMs), actor, reason } }
}

function statementView({
  tariff: id,
  tariffVersion: version,
  snapshot,
  unpriced,
}: Statement): Static<typeof invoiceSchema.InvoiceReply>['statements'][number] {
  const { corrects, watermarks, measurements } = snapshot
  return {
    tariff: { id, version },
    period: periodOf(snapshot.inForce),
    ...(corrects === '' ? {} : { corrects }),
    snapshotSha256: toHex(sha256(toBinary(SnapshotSchema, snapshot))),
    watermarks: watermarks.map(({ agentId, runId, sequence, batchDigest, lastMs }) => ({
      agent: toHex(agentId),
      run: toHex(runId),
      sequence: `${sequence}`,
      batch: toHex(batchDigest),
      lastReading: formatInstant(millisecondsOf(lastMs)),
    })),
    estimates: snapshot.estimates.map(({ measurement, resource, method, gap, periods, reference }) => ({
      resource,
      meter: measurements[measurement]?.meter ?? '',
      method,
      gap: periodOf(gap),
      periods: periods.map(periodOf),
      hour: periodOf(reference?.period),
      quantity: reference?.quantity ?? '',
      unit: measurements[measurement]?.unit ?? '',
    })),
    usageCorrections: snapshot.usageCorrections.map((entry) => usageCorrectionView(entry)),
    unpriced: unpriced.map(({ measurement, periods }) => {
      const { resource = '', meter = '' } = measurements[measurement] ?? {}
      return { resource, meter, periods: periods.map(periodOf) }
    }),
  }
}

function periodOf(message: PeriodMessage | undefined): Static<typeof schema.PeriodBody> {
  return periodView(unwrap(period(millisecondsOf(message?.fromMs), millisecondsOf(message?.toMs))))
}

function streamView(usage: StreamUsage): Static<typeof invoiceSchema.UsageReply>['streams'][number] {
  const { coverage } = usage
  return {
    stream: toHex(usage.streamId),
    agent: toHex(usage.agentId),
    resource: usage.resource,
    quantity: usage.quantity,
    epochs: usage.epochs.map(({ epoch, opening, closing, quantity }) => ({
      epoch: `${epoch}`,
      opening: boundaryView(opening),
      closing: boundaryView(closing),
      quantity: `${quantity}`,
    })),
    coverage: {
      coveredMs: millisecondsOf(coverage?.coveredMs),
      spreadMs: millisecondsOf(coverage?.spreadMs),
      missingMs: millisecondsOf(coverage?.missingMs),
      gaps: (coverage?.gaps ?? []).map(({ fromMs, toMs, kind }) => ({
        from: formatInstant(millisecondsOf(fromMs)),
        to: formatInstant(millisecondsOf(toMs)),
        kind: kind === GapKind.SPREAD ? 'spread' : 'missing',
      })),
    },
  }
}

function boundaryView(boundary: Boundary | undefined): { at: string; register: string } {
  return { at: formatInstant(millisecondsOf(boundary?.atMs)), register: `${boundary?.register ?? 0n}` }
}

/** A simulation. */
export function simulationView(
  { id }: Account,
  periods: readonly Period[],
  courses: readonly Ranked[],
): Static<typeof invoiceSchema.SimulationReply> {
  return {
    account: id,
    periods: periods.map(periodView),
    courses: courses.map(({ rank, tariff, total, mean, variation, margin, breakEven, totals, reasons }) => ({
      rank,
      ...(tariff === undefined ? {} : { tariff }),
      total: amountView(total),
      mean: amountView(mean),
      ...(variation === undefined ? {} : { variationPercent: variation }),
      ...(margin === undefined ? {} : { margin: amountView(margin.amount) }),
      ...(margin?.percent === undefined ? {} : { marginPercent: margin.percent }),
      ...(breakEven === undefined ? {} : { breakEven }),
      totals: totals.map(amountView),
      reasons: [...reasons],
    })),
  }
}
