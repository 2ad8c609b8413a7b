import type { Engine } from '@vouch/clickhouse'
import type { GetUsageResponse } from '@vouch/proto/gen/vouch/rating/v1/rating_pb.ts'
import { askUsage, wholeHours } from './ask-usage.ts'
import { auditArchive, auditKills, auditLevel, auditUsage, bracketCounter } from './audit.ts'
import type { AgentKill, Bracket } from './audit.ts'
import type { AgentInstallation } from './installation.ts'
import type { KernelLevels, KernelLook } from './kernel.ts'
import { readStored } from './signed-history.ts'
import type { Stored } from './signed-history.ts'
import { truthOf } from './truth.ts'
import type { Truth } from './truth.ts'

/** What was seen from outside while the agent metered. */
export interface Observed {
  readonly looks: readonly KernelLook[]
  readonly levels: KernelLevels
  readonly kills: readonly AgentKill[]
  /** Period that holds all of the run, epoch milliseconds. */
  readonly fromMs: number
  readonly toMs: number
}

/** One stream in figures. */
export interface StreamFigures {
  /** Meter, and what lies below the host. */
  readonly key: string
  readonly unit: string
  readonly billed: string
  readonly epochs: number
  /** Where the kernel has such a counter. */
  readonly kernel: Bracket | undefined
  readonly gaps: number
  readonly coveredMs: number
  readonly spreadMs: number
  readonly missingMs: number
}

/** What came of a run; it is sound when there are no problems. */
export interface Verdict {
  readonly problems: readonly string[]
  readonly streams: readonly StreamFigures[]
  readonly batches: number
  readonly readings: number
  readonly periodMs: number
}

const DATABASE = 'vouch'
const LEVELS = new Set(['host.cpu.allocated ', 'host.memory.allocated '])

/** Compares usage, coverage, archive, spool and kernel for one agent, that of the archive or one of several. */
export async function judge(
  engine: Engine,
  { resource, publicKey, spoolEnd }: AgentInstallation,
  observed: Observed,
  among: 'alone' | 'several' = 'alone',
): Promise<Verdict> {
  const stored = await readStored(await engine.connect(), DATABASE, await publicKey(), among)
  const { fromMs, toMs } = observed
  const period = { fromMs, toMs }
  const [exact, hours] = await askUsage(engine, DATABASE, resource, [period, wholeHours(period)])
  if (exact === undefined || hours === undefined) throw new Error('two periods have two answers')
  const judged = stored.streams.map((stream) => judgeStream(stream, stored, { exact, hours }, observed))
  return {
    problems: [...auditArchive(stored, spoolEnd()), ...judged.flatMap(({ problems }) => problems)],
    streams: judged.map(({ figures }) => figures).toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    batches: stored.batches.length,
    readings: stored.rows.length,
    periodMs: toMs - fromMs,
  }
}

interface Answers {
  readonly exact: GetUsageResponse
  readonly hours: GetUsageResponse
}

function judgeStream(
  { id, resource, meter, unit }: Stored['streams'][number],
  { batches }: Stored,
  { exact, hours }: Answers,
  { looks, levels, kills, fromMs, toMs }: Observed,
): { readonly problems: string[]; readonly figures: StreamFigures } {
  const [, ...below] = resource.split('/')
  const key = `${meter} ${below.join('/')}`
  const readings = batches.flatMap((batch) => batch.readings.filter(({ stream }) => stream === id))
  const truth: Truth = truthOf(readings, fromMs, toMs)
  const usage = usageOfStream(exact, id)
  const byHours = usageOfStream(hours, id)?.quantity
  const bracket = bracketCounter(key, truth, looks)
  const problems = [
    ...(usage === undefined ? [`${key}: not billed`] : auditUsage(key, usage, truth)),
    ...(byHours === usage?.quantity
      ? []
      : [`${key}: ${byHours} by whole hours, ${usage?.quantity} by readings`]),
    ...auditKills(key, truth, kills),
    ...(bracket?.problems ?? []),
    ...(LEVELS.has(key) ? auditLevel(key, truth, levels) : []),
  ]
  const { coveredMs, spreadMs, missingMs } = truth
  const [billed, epochs, gaps] = [usage?.quantity ?? '', truth.epochs.length, truth.gaps.length]
  const figures = { key, unit, billed, epochs, kernel: bracket?.usage, gaps, coveredMs, spreadMs, missingMs }
  return { problems, figures }
}

function usageOfStream(answer: GetUsageResponse, id: string) {
  return answer.meters.flatMap(({ streams }) => streams).find(({ streamId }) => streamId.toHex() === id)
}
