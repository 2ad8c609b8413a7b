import type { Sample } from '../ports.ts'
import type { MeterBook, Observation } from '../reading/meter-book.ts'
import type { Moment } from '../reading/moment.ts'
import { ReadingBuffer } from '../reading/reading-buffer.ts'
import type { StreamReading } from '../reading/reading-buffer.ts'
import { RegisterFile } from '../reading/register-file.ts'
import type { RegisterPage } from '../reading/register-file.ts'
import type { Register } from '../reading/register.ts'

/** A register and the id of its stream. */
export interface StreamState {
  readonly id: Uint8Array
  readonly state: Register
}

/** Pages that hold the registers. */
export function pagesOf(...states: readonly StreamState[]): RegisterPage[] {
  const file = new RegisterFile()
  for (const { id, state } of states) file.put(file.add(id), state)
  return file.changed()
}

/** The registers in pages. */
export function statesOf(pages: readonly RegisterPage[]): StreamState[] {
  const file = new RegisterFile(pages)
  return [...file.registers()].map(({ id, stream }) => ({ id, state: stateOf(file, stream)! }))
}

/** The register of a stream as it is now. */
export function stateOf(file: RegisterFile, stream: number): Register | undefined {
  const register = file.register(stream)
  return register && copyOf(register)
}

/** The values of a register, which it will not have for long. */
export function copyOf(register: Readonly<Register>): Register {
  const { boottimeMs, epoch, level, life, look, monotonicMs, register: value, remainder, timeMs } = register
  return { boottimeMs, epoch, level, life, look, monotonicMs, register: value, remainder, timeMs }
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
