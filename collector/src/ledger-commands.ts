import { create } from '@bufbuild/protobuf'
import type { ClickHouseClient } from '@clickhouse/client'
import { SignedBatchSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { formatInstant } from '@vouch/proto/kernel/instant.ts'
import { peekHeader } from '@vouch/proto/seal/batch.ts'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import type { LedgerCommand } from './cli-ledger.ts'
import type { ClickHouseFactory } from './clickhouse/connect.ts'
import { listGaps } from './clickhouse/gaps.ts'
import { createQuarantine } from './clickhouse/quarantine.ts'
import { openStore } from './clickhouse/store.ts'
import { topologyOf } from './clickhouse/topology.ts'
import type { CollectorConfig } from './config.ts'
import { intakeLimits } from './pipeline.ts'
import { discard } from './quarantine/discard.ts'
import type { QuarantineEntry, QuarantinedBytes } from './quarantine/ports.ts'
import { redrive } from './quarantine/redrive.ts'
import type { Outcome } from './quarantine/redrive.ts'

/** Lines that one command prints. */
const LINES_MAX = 1_000

/** What a command says, and whether it left anything undone. */
export interface LedgerAnswer {
  readonly text: string
  readonly left: boolean
}

/** Runs a command that only looks. Throws a FaultError: NOT_FOUND, STORE_…. */
export async function look(
  command: Extract<LedgerCommand, { name: 'quarantine list' | 'quarantine show' | 'gaps list' }>,
  client: ClickHouseClient,
  config: CollectorConfig,
): Promise<string> {
  const database = config.clickhouseDatabase
  const quarantine = createQuarantine(client, undefined, database)
  switch (command.name) {
    case 'gaps list': {
      const gaps = unwrap(await listGaps(client, database, command.filter, LINES_MAX + 1))
      return printed(gaps, command.json, (gap) => {
        const places = gap.fromSequence === '0' ? 'unknown' : `${gap.fromSequence}..${gap.toSequence}`
        const count = gap.readings === '0' ? 'unknown' : gap.readings
        return `${gap.agent}  ${gap.kind.padEnd(11)}  ${gap.from}  ${gap.to}  run ${gap.run}  batches ${places}  readings ${count}  ${gap.reason}`
      })
    }
    case 'quarantine list': {
      const entries = unwrap(await quarantine.page(command.filter, undefined, LINES_MAX + 1))
      return printed(entries.map(shown), command.json, (entry) => {
        const decision =
          entry.decision === undefined ? '' : `  (${entry.decision.state} by ${entry.decision.by})`
        return `${entry.id}  ${entry.received}  agent ${entry.agent}  sequence ${entry.sequence}  ${entry.code}: ${entry.message}${decision}`
      })
    }
    case 'quarantine show': {
      const [entry] = unwrap(await quarantine.page({ ids: [command.id.toLowerCase()] }, undefined, 1))
      if (entry === undefined)
        return throwFault('NOT_FOUND', `nothing in quarantine has the id ${command.id}`)
      const [bytes] = unwrap(await quarantine.bytes([entry]))
      return `${JSON.stringify({ ...shown(entry), ...detail(bytes!, config) }, null, 2)}\n`
    }
    default:
      throw new Error(`not a command: ${JSON.stringify(command satisfies never)}`)
  }
}

function printed<T>(items: readonly T[], json: boolean, line: (item: T) => string): string {
  const lines = items.slice(0, LINES_MAX).map((item) => (json ? JSON.stringify(item) : line(item)))
  if (items.length > LINES_MAX && !json) lines.push(`and more; narrow down, ${LINES_MAX} are shown`)
  return lines.map((text) => `${text}\n`).join('')
}

function shown(entry: QuarantineEntry) {
  const { id, agentId: agent, runId: run, sequence, code, message, peer, receivedMs, state } = entry
  const decision =
    state === 'open'
      ? undefined
      : { state, by: entry.decidedBy, at: formatInstant(entry.decidedMs), reason: entry.reason }
  const received = formatInstant(receivedMs)
  return { id, agent, run, sequence: String(sequence), code, message, peer, received, state, decision }
}

function detail({ header, body, signature, keyId }: QuarantinedBytes, config: CollectorConfig): object {
  const opened = peekHeader(create(SignedBatchSchema, { header, body, signature, keyId }))
  const decoded = decodeBody(body, intakeLimits(config))
  const times = decoded.ok ? decoded.value.timeMs.toSorted() : []
  return {
    decodedHeader: opened.ok
      ? {
          previous: opened.value.previousDigest.toHex(),
          sealedMs: String(opened.value.clock!.wallMs),
          agentVersion: opened.value.agentVersion,
          final: opened.value.final,
        }
      : opened.fault,
    decodedReadings: decoded.ok
      ? {
          readings: times.length,
          streams: decoded.value.streamIds.length / 16,
          firstMs: times[0]?.toString(),
          lastMs: times.at(-1)?.toString(),
          losses: decoded.value.losses.length,
        }
      : decoded.fault,
    header: header.toBase64(),
    body: body.toBase64(),
    signature: signature.toBase64(),
    keyId: keyId.toHex(),
  }
}

/** Runs a command that decides. Throws a FaultError: STORE_…, DISK_FULL. */
export async function decide(
  command: Extract<LedgerCommand, { name: 'quarantine redrive' | 'quarantine discard' }>,
  factory: ClickHouseFactory,
  config: CollectorConfig,
  now: () => number,
): Promise<LedgerAnswer> {
  const store = await openStore(factory, {
    database: config.clickhouseDatabase,
    embedded: config.clickhouseUrl === undefined,
    topology: topologyOf(config),
  })
  const deps = { ...store, limits: intakeLimits(config), now }
  const lines: string[] = []
  let [done, left] = [0, 0]
  const note = ({ entry, fault }: Outcome): void => {
    if (fault === undefined) done++
    else if (left++ < LINES_MAX)
      lines.push(`${entry.id}  stays ${entry.state}: ${fault.code}: ${fault.message}\n`)
  }
  try {
    const { filter, decider } = command
    if (command.name === 'quarantine redrive') {
      for await (const outcomes of redrive(filter, decider, deps)) unwrap(outcomes).forEach(note)
    } else {
      const entries = unwrap(await store.quarantine.page(filter, undefined, filter.ids?.length ?? 0))
      for (const entry of entries) note(unwrap(await discard(entry, decider, deps)))
    }
    const missing = (filter.ids?.length ?? done + left) - done - left
    if (missing > 0) lines.push(`${missing} of the ids are not in quarantine\n`)
    const verb = command.name === 'quarantine redrive' ? 'redriven' : 'discarded'
    return { text: `${lines.join('')}${done} ${verb}, ${left} left as they were\n`, left: left + missing > 0 }
  } finally {
    await store.close()
  }
}
