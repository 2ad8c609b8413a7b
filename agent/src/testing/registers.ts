import type { Sample } from '../ports.ts'
import type { MeterBook, Observation } from '../reading/meter-book.ts'
import type { Moment } from '../reading/moment.ts'
import { ReadingBuffer } from '../reading/reading-buffer.ts'
import type { StreamReading } from '../reading/reading-buffer.ts'
import { RegisterFile } from '../reading/register-file.ts'
import type { RegisterPage } from '../reading/register-file.ts'
import type { RegisterState } from '../reading/register.ts'

/** A register and the id of its stream. */
export interface StreamState {
  readonly id: Uint8Array
  readonly state: RegisterState
}

/** Pages that hold the registers. */
export function pagesOf(...states: readonly StreamState[]): RegisterPage[] {
  const file = new RegisterFile()
  for (const { id, state } of states) file.put(file.add(id), state)
  return file.changed()
}

/** The registers in pages. */
export function statesOf(pages: readonly RegisterPage[]): StreamState[] {
  return [...new RegisterFile(pages).registers()].map(({ id, state }) => ({ id, state }))
}

/** What one look brings to a book, with its readings. */
export function observed(
  book: MeterBook,
  samples: readonly Sample[],
  moment: Moment,
  track?: string,
): Observation & { readonly readings: readonly StreamReading[] } {
  const readings = new ReadingBuffer()
  return { ...book.observe(samples, moment, readings, track), readings: [...readings] }
}
