import type { SpooledBatch } from '@vouch/agent/spool/spool.ts'
import type { Hex } from '@vouch/collector/ports.ts'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { readingsOf } from './readings.ts'
import type { Reading } from './readings.ts'

/** A batch as it was sealed. */
export interface SealedRecord {
  readonly agent: Hex
  readonly signed: SpooledBatch['signed']
  readonly readings: readonly Reading[]
  /** Its receipt was verified. */
  receipted: boolean
}

/** Everything that agents ever sealed, by digest: kept beside the system, which does not know of it. */
export class Ledger {
  readonly sealed = new Map<Hex, SealedRecord>()

  add(agent: Hex, { digest, signed }: SpooledBatch): void {
    const readings = readingsOf(unwrap(decodeBody(signed.body)))
    this.sealed.set(digest.toHex(), { agent, signed, readings, receipted: false })
  }

  receipted({ digest }: SpooledBatch): void {
    this.sealed.get(digest.toHex())!.receipted = true
  }

  of(agent: Hex): SealedRecord[] {
    return [...this.sealed.values()].filter((record) => record.agent === agent)
  }
}
