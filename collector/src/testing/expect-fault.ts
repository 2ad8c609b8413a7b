import { FaultError } from '@vouch/proto/kernel/fault.ts'
import type { FaultCode } from '@vouch/proto/kernel/fault.ts'
import { expect } from 'vitest'

/** Expects work to end in a fault whose message says something. */
export async function expectFault(work: Promise<unknown>, code: FaultCode): Promise<void> {
  const error = await work.then(
    (value) => new Error(`no fault but ${String(value)}`),
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(FaultError)
  expect((error as FaultError).fault).toMatchObject({ code, message: expect.stringMatching(/.{15}/) })
}
