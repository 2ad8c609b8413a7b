import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import type {
  Boundary,
  EpochUsage,
  Measurement,
  StreamUsage,
} from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { equalBytes, toHex } from '@vouch/proto/kernel/bytes.ts'
import { isSameOrDescendant } from '@vouch/proto/kernel/id.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import { coverageInit } from '../rate/message.ts'
import { registerAt } from '../usage/boundary.ts'
import { type Measured, coverage, holesOf } from '../usage/coverage.ts'
import { type Interval, clip, subtract, union } from '../usage/interval.ts'
import { checkNotContradicted } from './contradiction.ts'
import { instantOf, mismatch, present, same } from './mismatch.ts'
import { type Archive, checkReading } from './readings.ts'

/** Checks the quantity of a stream, with every reading and sum behind it. */
export function checkStreamUsage(
  path: string,
  usage: StreamUsage,
  measurement: Measurement,
  archive: Archive,
): void {
  const stream = toHex(usage.streamId)
  checkStreamId(path, usage, measurement)
  const period = periodOf(`${path}.period`, usage.period)
  const asked = periodOf('measurement.period', measurement.period)
  same(`${path}.period.fromMs`, period.from, asked.from)
  same(`${path}.period.toMs`, period.to, asked.to)
  const parts: Measured[] = []
  let [quantity, last] = [0n, -1n]
  for (const [i, epoch] of usage.epochs.entries()) {
    const own = `${path}.epochs[${i}]`
    if (epoch.epoch <= last) mismatch(`${own}.epoch`, 'epochs stand in ascending order, each once')
    last = epoch.epoch
    parts.push(checkEpoch(own, epoch, stream, period, measurement.cutsMs, archive))
    quantity += epoch.quantity
  }
  same(`${path}.quantity`, usage.quantity, `${quantity}`)
  checkCoverage(`${path}.coverage`, usage, period, parts)
  checkNotContradicted(path, usage, period, archive)
}

/** A period of the proof. */
export function periodOf(path: string, message: { fromMs: bigint; toMs: bigint } | undefined): Interval {
  const { fromMs, toMs } = present(path, message)
  const period = { from: instantOf(`${path}.fromMs`, fromMs), to: instantOf(`${path}.toMs`, toMs) }
  if (period.from >= period.to) mismatch(path, 'ends before it begins')
  return period
}

/** The stream id commits to agent, resource, meter and unit; the kind is one of two. */
function checkStreamId(path: string, usage: StreamUsage, measurement: Measurement): void {
  const { agentId, resource } = usage
  const identity = { resource, meter: measurement.meter, unit: measurement.unit }
  const kinds = [RegisterKind.COUNTER, RegisterKind.INTEGRAL]
  if (!kinds.some((kind) => equalBytes(streamId(agentId, { ...identity, kind }), usage.streamId))) {
    mismatch(
      `${path}.streamId`,
      `is no stream of ${measurement.meter} (${measurement.unit}) of ${resource} by this agent`,
    )
  }
  if (!isSameOrDescendant(resource, measurement.resource)) {
    mismatch(`${path}.resource`, `${resource} is neither ${measurement.resource} nor below it`)
  }
}

function checkEpoch(
  path: string,
  epoch: EpochUsage,
  stream: string,
  period: Interval,
  cutsMs: readonly bigint[],
  archive: Archive,
): Measured {
  const holes: Interval[] = []
  const boundary = (
    name: string,
    message: Boundary | undefined,
    edgeMs: number,
  ): { at: number; register: bigint } => {
    const own = `${path}.${name}`
    const shown = present(own, message)
    const at = instantOf(`${own}.atMs`, shown.atMs)
    const before = checkReading(`${own}.before`, shown.before, stream, epoch.epoch, archive)
    const after =
      shown.after === undefined
        ? undefined
        : checkReading(`${own}.after`, shown.after, stream, epoch.epoch, archive)
    if (before.timeMs > at) mismatch(`${own}.before.timeMs`, 'lies after the instant')
    if (before.timeMs === at && after !== undefined)
      mismatch(`${own}.after`, 'is not needed: a reading lies at the instant')
    if (before.timeMs < at && (after === undefined || after.timeMs <= at))
      mismatch(`${own}.after`, 'does not lie after the instant')
    if (after !== undefined && after.register < before.register)
      mismatch(`${own}.after.register`, 'is below the reading before')
    if (at !== edgeMs && before.timeMs !== at)
      mismatch(`${own}.atMs`, 'is neither the end of the period nor a reading')
    if (after !== undefined) holes.push(...holesOf([before, after]))
    const register = registerAt(at, before, after)
    same(`${own}.register`, shown.register, register)
    return { at, register }
  }
  const opening = boundary('opening', epoch.opening, period.from)
  const closing = boundary('closing', epoch.closing, period.to)
  if (opening.at < period.from) mismatch(`${path}.opening.atMs`, 'lies before the period')
  if (closing.at > period.to) mismatch(`${path}.closing.atMs`, 'lies after the period')
  if (closing.at <= opening.at) mismatch(`${path}.closing.atMs`, 'does not lie after the opening')
  const between = cutsMs.filter((ms) => opening.at < Number(ms) && Number(ms) < closing.at)
  same(`${path}.cuts`, epoch.cuts.length, between.length)
  for (const [i, ms] of between.entries()) {
    same(`${path}.cuts[${i}].atMs`, epoch.cuts[i]!.atMs, ms)
    boundary(`cuts[${i}]`, epoch.cuts[i], Number(ms))
  }
  same(`${path}.quantity`, epoch.quantity, closing.register - opening.register)
  if (epoch.quantity < 0n) mismatch(`${path}.quantity`, 'is negative')
  return { part: { from: opening.at, to: closing.at }, holes }
}

/** Recomputes coverage from the epochs and the spread gaps; what is outside of all epochs is missing. */
function checkCoverage(
  path: string,
  usage: StreamUsage,
  period: Interval,
  measured: readonly Measured[],
): void {
  const shown = present(path, usage.coverage)
  const parts = measured.map(({ part }) => part)
  const spread = shown.gaps
    .filter(({ fromMs, toMs }) => parts.some(({ from, to }) => fromMs >= BigInt(from) && toMs <= BigInt(to)))
    .map(({ fromMs, toMs }) => ({ from: Number(fromMs), to: Number(toMs) }))
  checkHolesListed(path, measured, spread)
  const computed = coverageInit(
    coverage(
      period,
      parts.map((part) => ({ part, holes: spread })),
    ),
  )
  for (const [i, gap] of computed.gaps.entries()) {
    const own = `${path}.gaps[${i}]`
    const listed = present(own, shown.gaps[i])
    same(`${own}.fromMs`, listed.fromMs, gap.fromMs)
    same(`${own}.toMs`, listed.toMs, gap.toMs)
    same(`${own}.kind`, listed.kind, gap.kind)
  }
  if (shown.gaps.length > computed.gaps.length)
    mismatch(`${path}.gaps[${computed.gaps.length}]`, 'is no gap of this period')
  same(`${path}.coveredMs`, shown.coveredMs, computed.coveredMs)
  // What stands in for gaps is in the snapshot's estimates, and counts on charges alone.
  same(`${path}.estimatedMs`, shown.estimatedMs, 0n)
  same(`${path}.spreadMs`, shown.spreadMs, computed.spreadMs)
  same(`${path}.missingMs`, shown.missingMs, computed.missingMs)
}

/** Between the readings around an end or a cut lies what their signed spans leave open; where epochs overlap, another one may cover it. */
function checkHolesListed(path: string, measured: readonly Measured[], spread: readonly Interval[]): void {
  const parts = measured.map(({ part }) => part)
  if (union(parts).length !== parts.length) return
  const open = measured.flatMap(({ part, holes }) => holes.map((hole) => clip(hole, part)))
  const [first] = subtract(union(open), union(spread))
  if (first === undefined) return
  mismatch(`${path}.gaps`, `lists no gap from ${first.from} to ${first.to}, which the readings leave open`)
}
