import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { objectionToKeys } from '@vouch/proto/kernel/json.ts'

/** A JSON number as it was written, where a number of the language would not be exactly the same. */
export class WrittenNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** JSON whose numbers are either whole and safe, or kept as they were written. */
export type ExactValue =
  null | boolean | number | string | WrittenNumber | readonly ExactValue[] | ExactObject

/** A JSON object with exact numbers. */
export interface ExactObject {
  readonly [key: string]: ExactValue
}

/** What may be a number that is not a whole one of at most 15 digits; a text may look like it and costs time only. */
const INEXACT = /(?:^|"\s*:|[[,])\s*(?:-0|-?\d{16}|-?\d+[.eE])/

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** Whether the value is an object: neither null, nor an array, nor a number as written. */
export function isExactObject(value: ExactValue | undefined): value is ExactObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof WrittenNumber)
  )
}

/** Reads JSON in UTF-8 without duplicate keys, at most 64 levels deep. Faults: BODY_MALFORMED. */
export function parseExactJson(bytes: Uint8Array): Result<ExactValue> {
  try {
    const text = UTF8.decode(bytes)
    const value = (INEXACT.test(text) ? JSON.parse(text, keepAsWritten) : JSON.parse(text)) as ExactValue
    const objection = objectionToKeys(text)
    return objection === undefined ? ok(value) : fail('BODY_MALFORMED', objection)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail('BODY_MALFORMED', `this is not JSON in UTF-8: ${why}`)
  }
}

function keepAsWritten(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined) return value
  return Number.isSafeInteger(value) && String(value) === source ? value : new WrittenNumber(source)
}
