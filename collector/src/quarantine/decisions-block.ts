import { uuidToBytes } from '@vouch/proto/kernel/id.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { TableBlock } from '../ingest/blocks.ts'
import { fixedStrings, instants, nativeBlock, strings, uuids } from '../ingest/native.ts'
import type { Decision } from './ports.ts'

/** Decisions as rows of their table. */
export function decisionsBlock(decisions: readonly Decision[]): TableBlock {
  const columns = [
    uuids('quarantine', decisions, ({ entry }) => unwrap(uuidToBytes(entry.id))),
    fixedStrings('agent', 16, decisions, ({ entry }) => Uint8Array.fromHex(entry.agentId)),
    strings('decision', decisions, ({ decision }) => decision),
    instants('decided', decisions, ({ decidedMs }) => decidedMs),
    strings('decided_by', decisions, ({ by }) => by),
    strings('reason', decisions, ({ reason }) => reason),
  ]
  return {
    table: 'quarantine_decisions',
    columns,
    chunks: decisions.length === 0 ? [] : nativeBlock(decisions.length, columns),
  }
}
