import { toBinary } from '@bufbuild/protobuf'
import type { Static } from '@fastify/type-provider-typebox'
import type { Item, Period as PeriodMessage, Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import { GapKind, SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { Boundary, StreamUsage } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { MeterUsage } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { formatAmount } from '@vouch/proto/kernel/money.ts'
import type { Money } from '@vouch/proto/kernel/money.ts'
import { formatInstant, parseInstant, parsePeriod, period } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import type { AuditRow } from '../audit/chain.ts'
import type { Assignment, Contract, OpenPeriod } from '../contract/contract.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import { measurementsOf } from '../invoice/invoice.ts'
import type { Invoice, InvoiceLine, Statement } from '../invoice/invoice.ts'
import type { InvoiceHead } from '../postgres/invoices.ts'
import type { PostedEntry } from '../postgres/journal.ts'
import type * as invoiceSchema from './invoice-schemas.ts'
import type * as schema from './schemas.ts'

/** An amount as the interface shows it. */
export function amountView(amount: Money): Static<typeof schema.Amount> {
  return { amount: formatAmount(amount), currency: amount.currency }
}

/** A period as the interface shows it. */
export function periodView({ from, to }: Period): Static<typeof schema.PeriodBody> {
  return { from: formatInstant(from), to: formatInstant(to) }
}

/** A period that may have no end. */
export function openPeriodView({ from, to }: OpenPeriod): Static<typeof schema.OpenPeriodBody> {
  return { from: formatInstant(from), ...(to === undefined ? {} : { to: formatInstant(to) }) }
}

/** Reads a period that may have no end. Faults: INSTANT_INVALID, PERIOD_REVERSED. */
export function openPeriodOf({ from, to }: Static<typeof schema.OpenPeriodBody>): Result<OpenPeriod> {
  if (to !== undefined) return parsePeriod(from, to)
  const start = parseInstant(from)
  return start.ok ? ok({ from: start.value, to: undefined }) : start
}

/** The version that a query names. */
export function versionOf({ version }: Static<typeof schema.VersionQuery>): number | undefined {
  return version === undefined ? undefined : Number.parseInt(version, 10)
}

/** An item. */
export function itemView(item: Item): Static<typeof schema.ItemReply> {
  const { itemId: id, version, name, meter, unit, quantityRounding } = item
  const rounding = { mode: quantityRounding?.mode ?? '', scale: quantityRounding?.scale ?? 0 }
  return { id, version, name, meter, unit, rounding }
}

/** A tariff. */
export function tariffView(tariff: Tariff): Static<typeof schema.TariffReply> {
  const { tariffId: id, version, currency, amountRounding, roundingStage, items, rules } = tariff
  const versions = items.map((item) => ({ item: item.itemId, version: item.version }))
  return { id, version, currency, amountRounding, roundingStage, items: versions, rules }
}

/** A contract. */
export function contractView(contract: Contract): Static<typeof schema.ContractReply> {
  const { id, account, tariff, tariffVersion } = contract
  return {
    id,
    account,
    tariff: { id: tariff, version: tariffVersion },
    period: openPeriodView(contract.period),
  }
}

/** An assignment. */
export function assignmentView(assignment: Assignment): Static<typeof schema.AssignmentReply> {
  const { id, account, resource, dimensions } = assignment
  return { id, account, resource, dimensions, period: openPeriodView(assignment.period) }
}

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

/** A journal entry. */
export function entryView(entry: PostedEntry): Static<typeof schema.EntryReply> {
  return {
    id: entry.id,
    postedAt: formatInstant(entry.postedMs),
    description: entry.description,
    invoice: entry.invoiceId,
    postings: entry.postings.map(({ code, subject, amount }) => ({
      account: code,
      subject,
      amount: amountView(amount),
    })),
  }
}

/** A row of the audit log. */
export function auditView({ sequence, record, previous, hash }: AuditRow): Static<typeof schema.AuditReply> {
  return { sequence: `${sequence}`, record, previous: toHex(previous), hash: toHex(hash) }
}

function lineView(
  { lineNumber, statement, charge, amount }: InvoiceLine,
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
    },
    trace: charge.trace.map(({ rule, input, output }) => ({ rule, input, output })),
    streams: measurementsOf(charge, snapshot).flatMap(({ streams }) => streams.map(streamView)),
  }
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

/** A time or span from the wire as a number; both fit far below 2^53. */
export function millisecondsOf(value: bigint | undefined): number {
  return Number(value ?? 0n)
}
