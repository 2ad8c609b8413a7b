import type { Period } from '@vouch/proto/kernel/period.ts'
import type { Rational } from '@vouch/proto/kernel/rational.ts'
import type { UnitId } from '@vouch/proto/kernel/unit.ts'
import type { Dimensions } from '../rule/types.ts'
import type { Correction } from './corrections.ts'

/** A measurement without its streams. */
export interface Frame {
  readonly index: number
  readonly period: Period
  /** What persons decided about it. */
  readonly corrections: readonly Correction[]
  readonly cuts: readonly number[]
  readonly unit: UnitId
  readonly share: Rational
  readonly dimensions: Dimensions
}
