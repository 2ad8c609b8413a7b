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
