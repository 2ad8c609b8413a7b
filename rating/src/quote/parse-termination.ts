import { ZERO, compare, rational } from '@vouch/proto/kernel/rational.ts'
import type { Rule } from '../rule/evaluate.ts'
import type { TerminationDue, TerminationRule } from '../rule/termination.ts'
import type { Of } from './parse-usage.ts'
import type { Reader } from './parse.ts'

/** Reads what is due where a contract ends early; the fees that it is reckoned from are known only with the rules before it. */
export function readTermination(rule: Of<'termination'>, pointer: string, reader: Reader): TerminationDue {
  const { amount, percent, steps, of } = rule
  const given = [amount, percent, steps].filter((each) => each !== undefined)
  if (given.length !== 1)
    reader.refuse(pointer, 'a termination fee has one of amount, percent of what remains, and steps')
  if (of !== undefined && percent === undefined)
    reader.refuse(`${pointer}/of`, 'only a percentage is of other rules')
  if (steps !== undefined) return readSteps(steps, pointer, reader)
  if (percent === undefined) return { basis: 'fixed', amount: reader.decimal(amount, ZERO) }
  const share = reader.decimal(percent, ZERO)
  if (compare(share, rational(100n)) > 0)
    reader.refuse(`${pointer}/percent`, 'a termination fee is at most 100 per cent of what remains')
  return { basis: 'remaining', percent: share, fees: [] }
}

function readSteps(
  steps: NonNullable<Of<'termination'>['steps']>,
  pointer: string,
  reader: Reader,
): TerminationDue {
  steps.forEach(({ months }, index) => {
    const place = `${pointer}/steps/${index}/months`
    const before = steps[index - 1]
    if (before === undefined && months !== 0) reader.refuse(place, 'the first step begins with month 0')
    if (before !== undefined && months <= before.months)
      reader.refuse(place, 'steps ascend: it must begin after the one before')
  })
  return {
    basis: 'steps',
    steps: steps.map(({ months, amount }) => ({ months, amount: reader.decimal(amount, ZERO) })),
  }
}

/** With the fees that it is reckoned from: those that it names, or all before it. */
export function withFees(
  rule: TerminationRule,
  of: readonly string[] | undefined,
  known: ReadonlyMap<string, Rule>,
): TerminationRule {
  if (rule.due.basis !== 'remaining') return rule
  const named = of === undefined ? [...known.values()] : [...new Set(of)].flatMap((id) => known.get(id) ?? [])
  return { ...rule, due: { ...rule.due, fees: named.filter((each) => each.kind === 'fee') } }
}

/** Notes what a termination fee cannot be reckoned from. */
export function checkFees(
  { percent, of }: Of<'termination'>,
  known: ReadonlyMap<string, Rule>,
  pointer: string,
  reader: Reader,
): void {
  of?.forEach((id, index) => {
    const rule = known.get(id)
    if (rule !== undefined && rule.kind !== 'fee')
      reader.refuse(`${pointer}/of/${index}`, `${id} is no fee: nothing is known of what remains of it`)
  })
  // One that could not be read may be a fee.
  const mayRemain = [...known.values()].some(({ kind }) => kind === 'fee') || reader.unread.rules?.size !== 0
  if (percent !== undefined && of === undefined && !mayRemain)
    reader.refuse(`${pointer}/percent`, 'no fee stands above it that anything could remain of')
}
