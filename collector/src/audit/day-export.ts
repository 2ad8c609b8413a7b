import { create, fromJsonString } from '@bufbuild/protobuf'
import { DayExportSchema } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import type { DayExport, ExportedDay } from '@vouch/proto/gen/vouch/audit/v1/audit_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { DAYS_FORMAT, formatDay, openDay } from '@vouch/proto/seal/day.ts'
import { documentText } from '@vouch/proto/seal/document.ts'
import { keyId } from '@vouch/proto/seal/seal.ts'
import type { DaySources } from './check-days.ts'
import type { StoredDay } from './day-store.ts'
import type { Findings } from './findings.ts'

/** Leaves of one export; more are a mistake, or wanted in several files. */
const LEAVES_MAX = 1_000_000

/** The document that an auditor keeps. Throws a FaultError: OUT_OF_RANGE beyond a million leaves, STORE_…. */
export async function exportDays(
  days: readonly StoredDay[],
  sources: DaySources,
  withLeaves: boolean,
): Promise<string> {
  const exported: { signed: StoredDay['signed']; leaves: Uint8Array[] }[] = []
  let total = 0
  for (const { startMs, signed } of days) {
    const leaves: Uint8Array[] = []
    if (withLeaves) {
      for await (const page of sources.leaves(startMs)) {
        total += page.length
        if (total > LEAVES_MAX)
          throwFault('OUT_OF_RANGE', `more than ${LEAVES_MAX} leaves; export fewer days at once`)
        for (const leaf of page) leaves.push(leaf)
      }
    }
    exported.push({ signed, leaves })
  }
  const used = new Set(days.map(({ signed }) => signed.keyId.toHex()))
  const collectorKeys = [...sources.collectorKeys]
    .filter(([id]) => used.has(id))
    .map(([id, publicKey]) => ({ keyId: Uint8Array.fromHex(id), publicKey }))
  const message = create(DayExportSchema, { format: DAYS_FORMAT, withLeaves, collectorKeys, days: exported })
  return documentText(DayExportSchema, message)
}

/** Reads an export. Throws a FaultError: PROOF_MALFORMED. */
export function readExport(text: string): DayExport {
  let message: DayExport
  try {
    message = fromJsonString(DayExportSchema, text)
  } catch (error) {
    return throwFault(
      'PROOF_MALFORMED',
      `the export: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  if (message.format !== DAYS_FORMAT)
    throwFault(
      'PROOF_MALFORMED',
      `the export's format is ${JSON.stringify(message.format)}, not ${DAYS_FORMAT}`,
    )
  return message
}

/** Compares what is stored with what was exported earlier and kept elsewhere. */
export async function compareWithExport(
  days: readonly StoredDay[],
  kept: DayExport,
  sources: DaySources,
  findings: Findings,
): Promise<void> {
  const stored = Map.groupBy(days, ({ startMs }) => startMs)
  const keys = new Map(kept.collectorKeys.map((key) => [key.keyId.toHex(), key]))
  for (const { keyId: id, publicKey } of kept.collectorKeys) {
    if (!equalBytes(keyId(publicKey), id))
      findings.add('the export', `key ${id.toHex()} is not what its id names`)
    if (!sources.collectorKeys.has(id.toHex()))
      findings.add(`key ${id.toHex()}`, "signed days of the export, and is none of the collector's keys now")
  }
  for (const [index, { signed, leaves }] of kept.days.entries()) {
    const key = signed === undefined ? undefined : keys.get(signed.keyId.toHex())
    const opened = signed === undefined || key === undefined ? undefined : openDay(signed, key.publicKey)
    if (signed === undefined || opened?.ok !== true) {
      findings.add('the export', `days[${index}] is not signed by a key that the export lists`)
      continue
    }
    const name = `day ${opened.value.day}`
    const own = stored.get(opened.value.startMs) ?? []
    if (own.length === 0) findings.add(name, 'is in the export, and not stored any more')
    for (const day of own) {
      if (!equalBytes(day.signed.dayRoot, signed.dayRoot))
        findings.add(name, 'was exported with another root than the one that is stored now')
      else if (
        !equalBytes(day.signed.signature, signed.signature) ||
        !equalBytes(day.signed.keyId, signed.keyId)
      )
        findings.add(name, 'was exported with another signature than the one that is stored now')
    }
    if (kept.withLeaves) await compareLeaves(opened.value.startMs, leaves, sources, findings)
  }
}

async function compareLeaves(
  startMs: number,
  exported: ExportedDay['leaves'],
  sources: DaySources,
  findings: Findings,
): Promise<void> {
  const name = `day ${formatDay(startMs)}`
  const left = new Set(exported.map((leaf) => leaf.toHex()))
  for await (const page of sources.leaves(startMs)) {
    for (const leaf of page) {
      if (!left.delete(leaf.toHex()))
        findings.add(name, `batch ${leaf.toHex()} was put under it after the export`)
    }
  }
  for (const leaf of left) findings.add(name, `batch ${leaf} was under it at the export, and is not any more`)
}
