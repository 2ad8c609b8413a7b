import { fail, ok, throwFault } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'

/** A bounded part of a listing: at most `limit` rows after the key `after`. */
export interface PageRequest {
  readonly limit: number
  /** The order key of the last row seen; undefined at the start. */
  readonly after: string | undefined
}

/** A page, and the key to go on from where there is more. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | undefined
}

/** Cuts one row more than asked for down to a page: the surplus row only says that there is more. */
export function pageOf<R, T>(
  rows: readonly R[],
  limit: number,
  keyOf: (row: R) => string,
  map: (row: R) => T,
): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map((row) => map(row)),
    next: rows.length > limit && last !== undefined ? keyOf(last) : undefined,
  }
}

const WHOLE_PAGE = 1000
const WHOLE_MAX = 100_000

/** Everything that a listing has, page by page. Fault: OUT_OF_RANGE beyond 100,000. */
export async function allOf<T>(list: (request: PageRequest) => Promise<Page<T>>): Promise<T[]> {
  const found: T[] = []
  let after: string | undefined
  do {
    const page = await list({ limit: WHOLE_PAGE, after })
    found.push(...page.items)
    if (found.length > WHOLE_MAX) throwFault('OUT_OF_RANGE', `more than ${WHOLE_MAX} entries`)
    after = page.next
  } while (after !== undefined)
  return found
}

/** An opaque cursor of one listing. */
export function encodeCursor(listing: string, key: string): string {
  return Buffer.from(`${listing}\n${key}`).toString('base64url')
}

/** The key in a cursor. Faults: CURSOR_INVALID where another listing made it, or nothing here did. */
export function decodeCursor(listing: string, cursor: string, key: RegExp): Result<string> {
  const [name, value = ''] = Buffer.from(cursor, 'base64url').toString().split('\n')
  if (name === listing && key.test(value) && encodeCursor(listing, value) === cursor) return ok(value)
  return fail('CURSOR_INVALID', 'the cursor was not made by this listing; start it again without one', {
    pointer: '/cursor',
  })
}
