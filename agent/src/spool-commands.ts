import { closeSync, existsSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { AgentConfig } from './config.ts'
import { publicKeyIn } from './host/identity.ts'
import { inspectSpool } from './spool/inspect.ts'
import type { Inspection } from './spool/inspect.ts'

/** What a command prints, and whether anything is wrong. */
export interface Report {
  readonly text: string
  readonly isWell: boolean
}

/** What waits in the spool, its bounds, and what was lost of it. */
export function spoolStatus(config: AgentConfig, nowMs: number): Result<Report> {
  return withInspection(config, ({ batches, bytes, oldestSealedMs, losses, setAside }) => {
    const oldest =
      oldestSealedMs === undefined
        ? 'none'
        : `${new Date(oldestSealedMs).toISOString()}, ${nowMs - oldestSealedMs} ms ago`
    const lines = [
      `batches    ${batches}`,
      `octets     ${bytes} of ${config.spoolBytesMax}`,
      `oldest     ${oldest} (at most ${config.spoolAgeMaxMs} ms)`,
      `losses     ${losses} to be admitted with the next batch`,
      `set aside  ${setAside.length === 0 ? 'nothing' : setAside.join(', ')}`,
    ]
    return ok({ text: `${lines.join('\n')}\n`, isWell: true })
  })
}

/** Checks every row's checksum, every batch's signature and the chain of digests, and changes nothing. */
export function spoolVerify(config: AgentConfig): Result<Report> {
  return withInspection(config, (inspection) => {
    const key = publicKeyIn(config.stateDir)
    if (!key.ok) return key
    const { findings, unchecked } = inspection.verify(key.value)
    const verdict = `${inspection.batches} batches, ${findings.length} findings\n`
    const lines = [...findings, ...unchecked.map((line) => `not checked: ${line}`)]
    return ok({ text: lines.map((line) => `${line}\n`).join('') + verdict, isWell: findings.length === 0 })
  })
}

/** Writes what has no receipt to a new file; it stays in the spool. Faults: FIELD_INVALID where the file cannot be made. */
export function spoolExport(config: AgentConfig, file: string): Result<Report> {
  return withInspection(config, (inspection) => {
    try {
      const to = openSync(file, 'wx', 0o600)
      try {
        for (const frame of inspection.frames()) writeWhole(to, frame)
        fsyncSync(to)
      } finally {
        closeSync(to)
      }
    } catch (error) {
      return fail(
        'FIELD_INVALID',
        `the export failed: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
    const text = `${inspection.batches} batches are in ${file}; they stay in the spool until they have receipts\n`
    return ok({ text, isWell: true })
  })
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
}

function withInspection(
  config: AgentConfig,
  body: (inspection: Inspection) => Result<Report>,
): Result<Report> {
  const path = join(config.stateDir, 'spool.sqlite')
  if (!existsSync(path))
    return fail('CONFIG_INVALID', `there is no spool in ${config.stateDir}`, {
      pointer: 'VOUCH_AGENT_STATE_DIR',
    })
  const inspection = inspectSpool(path)
  if (!inspection.ok) {
    if (inspection.fault.code !== 'DATA_DIRECTORY_LOCKED') return inspection
    return fail(
      'DATA_DIRECTORY_LOCKED',
      `an agent runs on ${config.stateDir}; stop it first, or see its /metrics (VOUCH_AGENT_METRICS_LISTEN)`,
    )
  }
  try {
    return body(inspection.value)
  } finally {
    inspection.value.close()
  }
}
