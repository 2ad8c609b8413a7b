import { GRPC } from './entry.ts'
import type { FaultTable } from './entry.ts'

/** Faults of numbers, money and units. */
export const NUMBER_FAULTS = {
  DECIMAL_INVALID: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The text is not a plain decimal number.',
    remedy: 'Write digits with an optional minus and decimal point, as in "-12.30"; no exponent.',
  },
  AMOUNT_SCALE: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The amount has more decimals than its currency.',
    remedy: 'Round it yourself, to the decimals that the message names.',
  },
  CURRENCY_UNKNOWN: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The code is not an active ISO 4217 currency with a minor unit.',
    remedy: 'Use a current three-letter code in capitals, as in "EUR".',
  },
  CURRENCY_MISMATCH: {
    http: 422,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'Amounts of two currencies meet where one is expected.',
    remedy: 'Keep one currency per contract and invoice; convert beforehand at an agreed rate.',
  },
  ROUNDING_UNKNOWN: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'There is no rounding mode of this name.',
    remedy: 'Use one of the names in the message.',
  },
  UNIT_UNKNOWN: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'There is no unit of this name.',
    remedy: 'Use a unit of the catalogue; mind that GB and GiB differ.',
  },
  UNIT_MISMATCH: {
    http: 422,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The two units measure different things.',
    remedy: "Choose a billable unit of the meter's own dimension.",
  },
  METER_UNKNOWN: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The name is neither a built-in meter nor a well-formed one with a unit.',
    remedy: 'Correct the name, or declare it with its unit.',
  },
  OUT_OF_RANGE: {
    http: 400,
    grpc: GRPC.OUT_OF_RANGE,
    meaning: 'A number lies outside of the range that can be kept.',
    remedy: 'Use a number within the range that the message names.',
  },
} as const satisfies FaultTable

/** Faults of times and periods. */
export const TIME_FAULTS = {
  PERIOD_REVERSED: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The period ends before or when it begins.',
    remedy: 'Periods are half-open: give an end later than the start.',
  },
  PERIOD_OPEN: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'The period is not over yet.',
    remedy: 'Wait until it has ended and late readings have had time to arrive.',
  },
  INSTANT_INVALID: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The text is not an instant of RFC 3339.',
    remedy: 'Write date, time and offset, as in "2026-03-01T00:00:00Z"; at most milliseconds.',
  },
  ZONE_UNKNOWN: {
    http: 400,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'There is no IANA time zone of this name.',
    remedy: 'Use a name as in "Europe/Berlin"; offsets are not zones.',
  },
} as const satisfies FaultTable

/** Faults of usage and rating. */
export const RATING_FAULTS = {
  USAGE_INCOMPLETE: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'Readings do not cover the period as the contract demands.',
    remedy: 'Wait for late readings, or have the listed gaps accepted.',
  },
  USAGE_CONFLICT: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'Readings contradict each other.',
    remedy: 'Resolve the quarantine of the agents that the message names, then rate again.',
  },
  EVIDENCE_MISSING: {
    http: 409,
    grpc: GRPC.DATA_LOSS,
    meaning: 'A signed batch behind a charge cannot be found.',
    remedy: 'Restore the batch from a backup; without it the charge cannot be proved.',
  },
  TARIFF_INVALID: {
    http: 422,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The tariff contradicts itself or cannot be applied.',
    remedy: 'Correct the member that the pointer names and publish a new version.',
  },
} as const satisfies FaultTable

/** Faults of contracts, invoices and the ledger. */
export const BILLING_FAULTS = {
  NOT_FOUND: {
    http: 404,
    grpc: GRPC.NOT_FOUND,
    meaning: 'There is nothing under this id that the caller may see.',
    remedy: 'Check the id and the credentials.',
  },
  ALREADY_EXISTS: {
    http: 409,
    grpc: GRPC.ALREADY_EXISTS,
    meaning: 'The id or name is taken.',
    remedy: 'Choose another, or use the one that exists.',
  },
  CONTRACT_OVERLAP: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'Another contract of the account covers part of this period.',
    remedy: 'End the other contract first, or choose a period beside it.',
  },
  ASSIGNMENT_OVERLAP: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'The resource is assigned to an account for part of this period.',
    remedy: 'End the other assignment first, or choose a period beside it.',
  },
  ATTRIBUTION_INVALID: {
    http: 422,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The attribution rules contradict themselves or cannot be applied.',
    remedy: 'Correct the member that the pointer names and send the rule set again.',
  },
  INVOICE_ISSUED: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'The invoice is issued and never changes.',
    remedy: 'Correct it with a credit note and a new invoice.',
  },
  DRAFT_STALE: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'Another invoice has billed or used up meanwhile what the draft rests on.',
    remedy: 'Draw the draft again, look at it, and issue it.',
  },
  INVOICE_EMPTY: {
    http: 409,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'There is nothing to invoice for this period.',
    remedy: 'Check contract, assignments and usage of the period.',
  },
  LEDGER_UNBALANCED: {
    http: 500,
    grpc: GRPC.INTERNAL,
    meaning: 'Debits and credits of an entry differ.',
    remedy: 'Nothing was posted. Report it with the log of that moment.',
  },
  IDEMPOTENCY_MISMATCH: {
    http: 422,
    grpc: GRPC.FAILED_PRECONDITION,
    meaning: 'The idempotency key was used with another request.',
    remedy: 'Use a new key for a new request.',
  },
  IDEMPOTENCY_IN_PROGRESS: {
    http: 409,
    grpc: GRPC.ABORTED,
    meaning: 'The first request with this idempotency key is still running.',
    remedy: 'Wait a moment and send the same request again.',
  },
} as const satisfies FaultTable

/** Faults of proof bundles. */
export const PROOF_FAULTS = {
  PROOF_MALFORMED: {
    http: 422,
    grpc: GRPC.INVALID_ARGUMENT,
    meaning: 'The proof bundle cannot be read.',
    remedy: 'Fetch the bundle again; the message names the place.',
  },
  PROOF_MISMATCH: {
    http: 422,
    grpc: GRPC.DATA_LOSS,
    meaning: 'An item of the proof does not fit the others.',
    remedy: 'Do not pay on it; show the issuer the item that the message names.',
  },
} as const satisfies FaultTable
