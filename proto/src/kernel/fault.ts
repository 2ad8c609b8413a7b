import { BILLING_FAULTS, NUMBER_FAULTS, PROOF_FAULTS, RATING_FAULTS, TIME_FAULTS } from './faults/billing.ts'
import { BATCH_FAULTS, DEVICE_FAULTS, IDENTITY_FAULTS } from './faults/metering.ts'
import { CONFIG_FAULTS, GENERAL_FAULTS, HTTP_FAULTS, STORE_FAULTS } from './faults/platform.ts'

/** The closed list of everything that is expected to go wrong. FAULTS.md shows the same list. */
export const FAULTS = {
  ...IDENTITY_FAULTS,
  ...BATCH_FAULTS,
  ...DEVICE_FAULTS,
  ...STORE_FAULTS,
  ...CONFIG_FAULTS,
  ...NUMBER_FAULTS,
  ...TIME_FAULTS,
  ...RATING_FAULTS,
  ...BILLING_FAULTS,
  ...HTTP_FAULTS,
  ...PROOF_FAULTS,
  ...GENERAL_FAULTS,
} as const

/** A code of the closed list. */
export type FaultCode = keyof typeof FAULTS

/** True for a code of the closed list. */
export function isFaultCode(code: string): code is FaultCode {
  return Object.hasOwn(FAULTS, code)
}

/** What one occurrence of a fault may add to its code and message. */
export interface FaultExtra {
  /** JSON pointer into the input, or the name of the field or setting. */
  readonly pointer?: string
  /** Further facts for machines; never a secret. */
  readonly detail?: Readonly<Record<string, string>>
  /** Every single fault, when this one sums up several. */
  readonly causes?: readonly Fault[]
}

/** An expected outcome that is not success. The message says what was met and what to do. */
export interface Fault extends FaultExtra {
  readonly code: FaultCode
  readonly message: string
}

/** A success with its value. */
export interface Ok<T> {
  readonly ok: true
  readonly value: T
}

/** A failure with its fault. */
export interface Failure {
  readonly ok: false
  readonly fault: Fault
}

/** What a function returns whose failure is an expected outcome. */
export type Result<T> = Ok<T> | Failure

/** Wraps a value as success. */
export function ok<T>(value: T): Ok<T> {
  return { ok: true, value }
}

/** Makes a failure of the closed list. */
export function fail(code: FaultCode, message: string, extra: FaultExtra = {}): Failure {
  return { ok: false, fault: { code, message, ...extra } }
}

/** Carries a fault across a promise or callback that can only throw. */
export class FaultError extends Error {
  override readonly name = 'FaultError'
  readonly fault: Fault

  constructor(fault: Fault, options?: ErrorOptions) {
    super(`${fault.code}: ${fault.message}`, options)
    this.fault = fault
  }
}

/** Throws a fault of the closed list as a FaultError. */
export function throwFault(code: FaultCode, message: string, extra?: FaultExtra): never {
  throw new FaultError(fail(code, message, extra).fault)
}

/** The value of a success; throws a FaultError on a failure. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new FaultError(result.fault)
}

/** Faults of several that are told in words. */
const TOLD_MAX = 20

/** Sums up faults in one: itself when single, else under the first one's code with all as `causes`. */
export function summarise(faults: readonly [Fault, ...Fault[]]): Failure {
  const [first] = faults
  if (faults.length === 1) return { ok: false, fault: first }
  const message = inWords(faults.map((fault) => fault.message))
  return fail(first.code, message, { causes: faults })
}

/** Faults with their places, as one fault under a code that says what they are faults of. */
export function failures(code: FaultCode, what: string, causes: readonly Fault[]): Failure {
  const words = inWords(causes.map(({ pointer, message }) => `${pointer}: ${message}`))
  return fail(code, `${what}${words}`, { causes })
}

/** A message is read by people, and travels in headers, which are small: the first ones, and how many more there are. */
function inWords(texts: readonly string[]): string {
  const more = texts.length - TOLD_MAX
  return `${texts.slice(0, TOLD_MAX).join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}

/** A fault in words, a line for each of its causes, with the place in the input where there is one. */
export function faultLines(fault: Fault): string[] {
  return (fault.causes ?? [fault]).map(({ code, message, pointer }) =>
    pointer?.includes('/') === true ? `${code} at ${pointer}: ${message}` : `${code}: ${message}`,
  )
}

/** All values in order, or all faults summed up in one. */
export function collect<T>(results: readonly Result<T>[]): Result<T[]> {
  const values: T[] = []
  const faults: Fault[] = []
  for (const result of results) {
    if (result.ok) values.push(result.value)
    else faults.push(result.fault)
  }
  const [first, ...rest] = faults
  return first === undefined ? ok(values) : summarise([first, ...rest])
}
