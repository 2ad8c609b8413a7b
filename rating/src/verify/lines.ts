import type { Invoice } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { rateSnapshot } from '../rate/rate.ts'
import { mismatch, present, same } from './mismatch.ts'
import { type StatementTariffs, pathOf } from './statements.ts'

/** Rates every statement again: its lines are what follows, in that order, no more and no fewer. */
export function checkLines(invoice: Invoice, tariffs: StatementTariffs): void {
  const { lines, statements } = invoice
  const expected = statements.flatMap((statement, i) => {
    const rated = rateSnapshot(tariffs[i]!, statement.snapshot!)
    if (!rated.ok) {
      const [first = rated.fault] = rated.fault.causes ?? []
      return mismatch(`invoice.statements[${i}].snapshot${pathOf(first)}`, first.message)
    }
    return rated.value.charges.map((charge) => ({ statement: i, charge }))
  })
  for (const [i, { statement, charge }] of expected.entries()) {
    const path = `invoice.lines[${i}]`
    const line = present(path, lines[i])
    same(`${path}.statement`, line.statement, statement)
    checkCharge(`${path}.charge`, present(`${path}.charge`, line.charge), charge)
  }
  if (lines.length > expected.length)
    mismatch(`invoice.lines[${expected.length}]`, 'follows from no statement')
}

const TEXTS = [
  'ruleId',
  'kind',
  'pool',
  'lineId',
  'itemId',
  'resource',
  'meter',
  'quantity',
  'exactQuantity',
  'unit',
  'unitPrice',
  'exact',
  'amount',
  'currency',
  'description',
] as const satisfies readonly (keyof Charge)[]

function checkCharge(path: string, shown: Charge, computed: Charge): void {
  for (const name of TEXTS) same(`${path}.${name}`, shown[name], computed[name])
  same(`${path}.period.fromMs`, present(`${path}.period`, shown.period).fromMs, computed.period!.fromMs)
  same(`${path}.period.toMs`, shown.period!.toMs, computed.period!.toMs)
  same(`${path}.measurements`, shown.measurements.join(' '), computed.measurements.join(' '))
  if (shown.held !== computed.held)
    mismatch(`${path}.held`, `says ${shown.held}, but ${computed.held} follows from the evidence`)
  const coverage = present(`${path}.coverage`, shown.coverage)
  for (const name of ['coveredMs', 'spreadMs', 'missingMs', 'estimatedMs'] as const)
    same(`${path}.coverage.${name}`, coverage[name], computed.coverage![name])
  same(`${path}.coverage.gaps`, coverage.gaps.length, 0)
  for (const [i, step] of computed.trace.entries()) {
    const own = present(`${path}.trace[${i}]`, shown.trace[i])
    same(`${path}.trace[${i}].rule`, own.rule, step.rule)
    same(`${path}.trace[${i}].input`, own.input, step.input)
    same(`${path}.trace[${i}].output`, own.output, step.output)
  }
  same(`${path}.trace`, shown.trace.length, computed.trace.length)
}
