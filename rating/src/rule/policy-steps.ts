import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { ZERO, add } from '@vouch/proto/kernel/rational.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import { exactText } from '../tariff/trace.ts'
import type { TraceStep } from '../tariff/trace.ts'
import type { Piece, Pool } from './pieces.ts'
import type { LineKind, Usage } from './types.ts'
import type { UsageRule } from './usage.ts'
import { partsOf } from './whole.ts'

/**
 * By which policies the pieces of a line came to be, with what they sum to in the billable unit, for the trace.
 *
 * @param sources places of the usage, as it was measured, that the pieces are of.
 */
export function policySteps(
  { per, level, grain, late }: UsageRule,
  {
    pieces,
    sources,
    kind,
    pool,
  }: Readonly<{ pieces: readonly Piece[]; sources: readonly number[]; kind: LineKind; pool: string }>,
  measured: readonly Usage[],
): TraceStep[] {
  if (pieces.length === 0) return []
  const step = (rule: string, input: string): TraceStep => ({ rule, input, output: sumText(pieces) })
  const pooled = per === 'contract' ? [] : [step(perName(per), pool)]
  if (level !== undefined) return [step(`level averaged by ${level}`, `${pieces.length} levels`), ...pooled]
  const entries = `${sources.length} entries`
  const steps: TraceStep[] = [...pooled]
  const { choice } = pieces[0]!
  if (choice !== '') steps.push(step(choice, `${pieces.length} parts of ${entries}`))
  if (kind === 'late-usage' && late === 'this-period')
    steps.push(step('late usage this-period', `${entries} from ${formatInstant(earliestOf(pieces))} on`))
  if (pieces.some(({ usage }) => isCut(usage, measured)))
    steps.push(step('split by time', `${entries}, of which a part is billed here`))
  if (grain !== undefined) steps.push(step(`cut by ${grain}`, `${pieces.length} parts of ${entries}`))
  return steps
}

function perName(per: Pool): string {
  return typeof per === 'string' ? `per ${per}` : `per dimension ${per.dimension}`
}

function sumText(pieces: readonly Piece[]): string {
  return exactText(pieces.reduce<Rational>((sum, { quantity }) => add(sum, quantity), ZERO))
}

function earliestOf(pieces: readonly Piece[]): number {
  return pieces.reduce((least, { usage }) => Math.min(least, usage.period.from), Infinity)
}

/** Whether a piece is a part of what was measured or given as one. */
function isCut(usage: Usage, measured: readonly Usage[]): boolean {
  return partsOf(usage).some(({ index, period }) => {
    const whole = measured[index]?.period
    return whole !== undefined && (whole.from < period.from || whole.to > period.to)
  })
}
