import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Moment } from './moment.ts'
import { Timeline } from './moment.ts'
import * as register from './register.ts'
import type { Reading, Register, TakeReading } from './register.ts'

const CADENCE_MS = 1000
const START_MS = 1_700_000_000_000
const BOOT = 7n

/** A register that was not read yet. */
const NONE: Register = {
  life: 0n,
  epoch: 0,
  timeMs: 0,
  boottimeMs: 0,
  register: 0n,
  remainder: 0n,
  level: 0n,
  monotonicMs: 0,
  look: 0,
}

/** What one look made of a register: what it is now, and its readings. */
interface Step {
  readonly state: Register
  readonly readings: readonly Reading[]
}

function stepOf(last: Register | undefined, read: (of: Register, take: TakeReading) => void): Step {
  const state = { ...(last ?? NONE) }
  const readings: Reading[] = []
  read(state, (epoch, timeMs, value, spanMs) => readings.push({ epoch, timeMs, register: value, spanMs }))
  return { state, readings }
}

function readCounter(last: Register | undefined, value: bigint, life: bigint, moment: Moment): Step {
  return stepOf(last, (of, take) => register.readCounter(of, value, life, moment, take))
}

function readIntegral(
  last: Register | undefined,
  level: bigint,
  divisor: bigint,
  run: bigint,
  moment: Moment,
): Step {
  return stepOf(last, (of, take) => register.readIntegral(of, level, divisor, run, moment, take))
}

/** Something that happens between two looks. */
type Happening =
  | { readonly kind: 'run'; readonly ms: number; readonly amount: bigint }
  | { readonly kind: 'suspend'; readonly ms: number }
  | { readonly kind: 'step'; readonly ms: number }
  | { readonly kind: 'reset' }
  | { readonly kind: 'restart'; readonly ms: number }
  | { readonly kind: 'absent' }

const ms = fc.integer({ min: 1, max: 5000 })
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('run'), ms, amount: fc.bigInt({ min: 0n, max: 2n ** 40n }) }),
  },
  fc.record({ kind: fc.constant('suspend'), ms: fc.integer({ min: 1, max: 10 ** 7 }) }),
  fc.record({ kind: fc.constant('step'), ms: fc.integer({ min: -(10 ** 8), max: 10 ** 8 }) }),
  fc.record({ kind: fc.constant('reset') }),
  fc.record({ kind: fc.constant('restart'), ms: fc.integer({ min: 0, max: 10 ** 6 }) }),
  fc.record({ kind: fc.constant('absent') }),
)

/** A host on which things happen; every happening but `run` leads straight to the next one. */
class Host {
  wallMs = START_MS
  monotonicMs = 5000
  boottimeMs = 5000
  counter = 10n ** 6n
  resets = 0
  run = 1
  timeline = new Timeline()
  present = true

  happen(event: Happening): void {
    const pass = (elapsed: number): void => {
      this.wallMs += elapsed
      this.boottimeMs += elapsed
    }
    if (event.kind === 'run' || event.kind === 'restart') {
      pass(event.ms)
      this.monotonicMs += event.ms
    }
    if (event.kind === 'run') this.counter += event.amount
    if (event.kind === 'suspend') pass(event.ms)
    if (event.kind === 'step') this.wallMs += event.ms
    if (event.kind === 'reset') {
      this.counter = 0n
      this.resets += 1
    }
    if (event.kind === 'restart') {
      this.timeline = new Timeline()
      this.run += 1
    }
    this.present = event.kind !== 'absent'
  }

  moment(): Moment | undefined {
    return this.timeline.next('', this, CADENCE_MS)
  }
}

function restarted(state: Register | undefined): Register | undefined {
  return state === undefined ? undefined : { ...state, level: 0n, monotonicMs: 0, look: 0 }
}

function byEpoch(readings: readonly Reading[]): Map<number, Reading[]> {
  return Map.groupBy(readings, ({ epoch }) => epoch)
}

function quantity(readings: readonly Reading[]): bigint {
  let sum = 0n
  for (const epoch of byEpoch(readings).values()) {
    sum += (epoch.at(-1)?.register ?? 0n) - (epoch[0]?.register ?? 0n)
  }
  return sum
}

function expectLawful(readings: readonly Reading[]): void {
  const epochs = [...byEpoch(readings).keys()]
  expect(epochs).toEqual(epochs.toSorted((a, b) => a - b))
  for (const rows of byEpoch(readings).values()) {
    expect(rows[0]?.spanMs).toBe(0)
    for (const [index, row] of rows.entries()) {
      const before = rows[index - 1]
      if (before === undefined) continue
      expect(row.timeMs).toBeGreaterThan(before.timeMs)
      expect(row.register >= before.register).toBe(true)
      expect(row.spanMs).toBeGreaterThanOrEqual(0)
      expect(row.spanMs).toBeLessThanOrEqual(row.timeMs - before.timeMs)
      expect(row.spanMs).toBeLessThanOrEqual(2 * CADENCE_MS)
    }
  }
}

describe('a counter', () => {
  it('loses nothing between resets, whatever happens to clocks and agent', () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 60 }), (happenings) => {
        const host = new Host()
        const readings: Reading[] = []
        let state: Register | undefined
        let seen: { readonly counter: bigint; readonly resets: number } | undefined
        let expected = 0n
        for (const event of [{ kind: 'run', ms: 1, amount: 0n } as const, ...happenings]) {
          host.happen(event)
          if (event.kind === 'restart') state = restarted(state)
          const moment = host.moment()
          if (moment === undefined || !host.present) continue
          const step = readCounter(state, host.counter, BOOT, moment)
          state = step.state
          readings.push(...step.readings)
          // A reset after which the counter has passed its last reading cannot be told from none.
          if (seen !== undefined && host.counter >= seen.counter) expected += host.counter - seen.counter
          seen = { counter: host.counter, resets: host.resets }
        }
        expectLawful(readings)
        expect(quantity(readings)).toBe(expected)
      }),
    )
  })

  const moment = (look: number, timeMs = START_MS + look * CADENCE_MS): Moment => {
    const monotonicMs = look * CADENCE_MS
    return { timeMs, monotonicMs, boottimeMs: monotonicMs, look, previous: look - 1, continuous: look > 1 }
  }

  it('begins with a baseline', () => {
    expect(readCounter(undefined, 700n, BOOT, moment(1)).readings).toEqual([
      { epoch: START_MS + 1000, timeMs: START_MS + 1000, register: 700n, spanMs: 0 },
    ])
  })

  it.each([
    ['falls', 699n, BOOT],
    ['is of another boot', 700n, BOOT + 1n],
  ])('opens an epoch when it %s', (_, value, life) => {
    const { state } = readCounter(undefined, 700n, BOOT, moment(1))
    const { readings } = readCounter(state, value, life, moment(2))
    expect(readings).toEqual([
      { epoch: START_MS + 2000, timeMs: START_MS + 2000, register: value, spanMs: 0 },
    ])
  })

  it('goes on after a restart of the agent, after a gap', () => {
    const { state } = readCounter(undefined, 700n, BOOT, moment(9))
    const later = { ...moment(1, START_MS + 60_000), continuous: false }
    expect(readCounter(restarted(state), 900n, BOOT, later).readings).toEqual([
      { epoch: START_MS + 9000, timeMs: START_MS + 60_000, register: 900n, spanMs: 0 },
    ])
  })

  it('reopens at the true distance where the wall clock went back', () => {
    const { state } = readCounter(undefined, 700n, BOOT, moment(1))
    const { readings } = readCounter(state, 750n, BOOT, moment(2, START_MS - 3_600_000))
    expect(readings).toEqual([
      { epoch: START_MS + 1001, timeMs: START_MS - 3_601_000, register: 700n, spanMs: 0 },
      { epoch: START_MS + 1001, timeMs: START_MS - 3_600_000, register: 750n, spanMs: 1000 },
    ])
  })
})

describe('an integral', () => {
  const level = fc.bigInt({ min: 0n, max: 2n ** 50n })

  it('is the step sum to the unit, whatever happens to clocks and agent', () => {
    const divisor = 1_048_576_000n
    fc.assert(
      fc.property(fc.array(fc.tuple(happening, level), { maxLength: 60 }), (happenings) => {
        const host = new Host()
        const readings: Reading[] = []
        let state: Register | undefined
        let last: { readonly level: bigint; readonly monotonicMs: number; readonly run: number } | undefined
        let sum = 0n
        for (const [event, value] of [[{ kind: 'run', ms: 1, amount: 0n }, 0n] as const, ...happenings]) {
          host.happen(event)
          if (event.kind === 'restart') state = restarted(state)
          const moment = host.moment()
          if (moment === undefined) continue
          if (!host.present) {
            last = undefined
            continue
          }
          const step = readIntegral(state, value, divisor, BigInt(host.run), moment)
          state = step.state
          readings.push(...step.readings)
          if (last?.run === host.run) sum += last.level * BigInt(host.monotonicMs - last.monotonicMs)
          last = { level: value, monotonicMs: host.monotonicMs, run: host.run }
        }
        expectLawful(readings)
        expect(quantity(readings)).toBe(sum / divisor)
        expect(state?.remainder ?? 0n).toBe(sum % divisor)
      }),
    )
  })

  it('opens every run at zero', () => {
    const moment = {
      timeMs: 10_000,
      monotonicMs: 500,
      boottimeMs: 500,
      look: 1,
      previous: 0,
      continuous: false,
    }
    const { readings, state } = readIntegral(undefined, 4n, 3n, 1n, moment)
    expect(readings).toEqual([{ epoch: 10_000, timeMs: 10_000, register: 0n, spanMs: 0 }])
    const second = readIntegral(state, 4n, 3n, 2n, { ...moment, timeMs: 20_000, look: 1 })
    expect(second.readings).toEqual([{ epoch: 20_000, timeMs: 20_000, register: 0n, spanMs: 0 }])
  })

  it('never leaves 64 bits in silence', () => {
    const moment = { timeMs: 1000, monotonicMs: 0, boottimeMs: 0, look: 1, previous: 0, continuous: false }
    const { state } = readIntegral(undefined, 2n ** 64n - 1n, 1n, 1n, moment)
    const next = { ...moment, timeMs: 3000, monotonicMs: 2000, look: 2, previous: 1 }
    expect(() => readIntegral(state, 0n, 1n, 1n, next)).toThrow('64-bit')
    const same = { ...state }
    expect(() => register.readIntegral(same, 0n, 1n, 1n, next, () => undefined)).toThrow('64-bit')
    expect(same).toEqual(state)
  })
})
