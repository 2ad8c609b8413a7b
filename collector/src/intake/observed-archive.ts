import type { Columns } from '@vouch/proto/wire/body.ts'
import { isChainFault } from '../quarantine/recheck.ts'
import type { AdmittedBatch, Archive, GapTelemetry } from '../ports.ts'

/** Counts what is missing or late in everything that an archive has made durable. */
export function observeArchive(archive: Archive, telemetry: GapTelemetry, lateAfterMs: number): Archive {
  return {
    ...archive,
    commit: async (group) => {
      const committed = await archive.commit(group)
      if (committed.ok) for (const batch of group.batches) observe(batch, telemetry, lateAfterMs)
      return committed
    },
  }
}

function observe(batch: AdmittedBatch, telemetry: GapTelemetry, lateAfterMs: number): void {
  const { columns, fault, chained, receivedMs } = batch
  if (chained && columns !== undefined && columns.losses.length > 0)
    telemetry.gap('lost', columns.losses.length)
  if (fault !== undefined) {
    telemetry.quarantined(fault.code)
    telemetry.gap('quarantined', 1)
    if (isChainFault(fault.code)) telemetry.gap('unreceived', 1)
    return
  }
  if (columns === undefined || columns.timeMs.length === 0) return
  if (receivedMs - lastTimeMs(columns) > lateAfterMs) telemetry.late(columns.timeMs.length)
}

/** Newest reading: segments ascend, so their ends stand for all. */
function lastTimeMs({ timeMs, segmentRows }: Columns): number {
  let last = 0n
  let at = 0
  for (const rows of segmentRows) {
    at += rows
    if (timeMs[at - 1]! > last) last = timeMs[at - 1]!
  }
  return Number(last)
}
