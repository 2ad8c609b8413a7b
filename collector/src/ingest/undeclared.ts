import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { STREAM_ID_BYTES } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'

/** Of a batch whose stream with this index was not declared. */
export function undeclaredFault({ streamIds }: Columns, index: number): Fault {
  const name = streamIds.subarray(index * STREAM_ID_BYTES, (index + 1) * STREAM_ID_BYTES).toHex()
  return fail('STREAM_UNDECLARED', `stream ${name} was not declared; declare it first`).fault
}
