import { create } from '@bufbuild/protobuf'
import type { Invoice, Statement } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import type { Tariff } from '@vouch/proto/gen/vouch/rating/v1/tariff_pb.ts'
import {
  type Estimate,
  type Measurement,
  MeasurementSchema,
  type Snapshot,
} from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { equalBytes, toHex } from '@vouch/proto/kernel/bytes.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { usageCorrectionValid } from '@vouch/proto/seal/usage-correction.ts'
import { type Correction, readCorrections, touching } from '../rate/corrections.ts'
import { parseTariff } from '../rate/tariff.ts'
import { mismatch, present, uniqueIndex } from './mismatch.ts'
import type { Archive } from './readings.ts'
import { checkSlots } from './slots.ts'
import { checkStreamUsage, periodOf } from './usage.ts'

/** Tariffs by the place of the statement that uses them. */
export type StatementTariffs = readonly Tariff[]

/** Checks every tariff, and what every statement measured; each tariff must be used. Gives the tariff of each statement. */
export function checkStatements(
  invoice: Invoice,
  tariffs: readonly Tariff[],
  archive: Archive,
  issuer: Uint8Array,
): StatementTariffs {
  const known = checkTariffs(tariffs)
  const used = new Set<string>()
  const own = invoice.statements.map((statement, i) => {
    const path = `invoice.statements[${i}]`
    const { tariffId, tariffVersion } = statement
    const tariff = known.get(`${tariffId} ${tariffVersion}`)
    if (tariff === undefined)
      return mismatch(`${path}.tariffId`, `the proof has no tariff ${tariffId}, version ${tariffVersion}`)
    used.add(`${tariffId} ${tariffVersion}`)
    checkSnapshot(`${path}.snapshot`, statement, archive, issuer)
    return tariff
  })
  checkStretches(invoice)
  const idle = tariffs.findIndex((tariff) => !used.has(keyOf(tariff)))
  if (idle >= 0) mismatch(`tariffs[${idle}]`, 'prices no line of the invoice')
  return own
}

/**
 * No two statements are in force at one time, a correction beside what it corrects least of all: the same use would be billed twice. Fees that
 * were billed in advance may be given back beside what is due instead.
 */
function checkStretches({ statements }: Invoice): void {
  const all = statements.map(({ snapshot }, i) => {
    const { advance, corrects, inForce } = snapshot!
    return { i, isGivenBack: advance && corrects !== '', ...inForce! }
  })
  for (const [position, one] of all.entries()) {
    const other = all
      .slice(0, position)
      .find(
        (each) => each.isGivenBack === one.isGivenBack && each.fromMs < one.toMs && one.fromMs < each.toMs,
      )
    if (other === undefined) continue
    mismatch(
      `invoice.statements[${one.i}].snapshot.inForce`,
      `meets that of statements[${other.i}]: the same use would be billed twice`,
    )
  }
}

const keyOf = ({ tariffId, version }: Tariff): string => `${tariffId} ${version}`

function checkTariffs(tariffs: readonly Tariff[]): ReadonlyMap<string, Tariff> {
  uniqueIndex('tariffs', tariffs, keyOf)
  for (const [i, tariff] of tariffs.entries()) {
    const parsed = parseTariff(tariff)
    if (parsed.ok) continue
    const [first = parsed.fault] = parsed.fault.causes ?? []
    mismatch(`tariffs[${i}]${pathOf(first)}`, first.message)
  }
  return new Map(tariffs.map((tariff) => [keyOf(tariff), tariff]))
}

/** A JSON pointer as the path of a proof: `/rules/0/id` is `.rules[0].id`. */
export function pathOf({ pointer = '' }: Pick<Fault, 'pointer'>): string {
  return pointer.replaceAll(/\/(\d+)(?=\/|$)/g, '[$1]').replaceAll('/', '.')
}

function checkSnapshot(path: string, statement: Statement, archive: Archive, issuer: Uint8Array): void {
  const snapshot = present(path, statement.snapshot)
  const stretch = periodOf(`${path}.inForce`, snapshot.inForce)
  const corrections = checkCorrections(path, snapshot, issuer)
  for (const [i, measurement] of snapshot.measurements.entries()) {
    const own = `${path}.measurements[${i}]`
    if (measurement.streams.length === 0 && !isStated(measurement, corrections))
      mismatch(`${own}.streams`, 'is empty: nothing was measured')
    uniqueIndex(`${own}.streams`, measurement.streams, ({ streamId }) => toHex(streamId))
    for (const [j, usage] of measurement.streams.entries())
      checkStreamUsage(`${own}.streams[${j}]`, usage, measurement, archive)
    checkNoOverlap(own, measurement)
  }
  for (const [i, estimate] of snapshot.estimates.entries())
    checkReference(`${path}.estimates[${i}]`, estimate, snapshot.measurements, archive)
  checkSlots(path, snapshot, stretch, archive)
  checkSingleMeasuring(path, snapshot.measurements)
}

/** What persons decided is signed by the issuer, entry by entry. */
function checkCorrections(
  path: string,
  { usageCorrections }: Snapshot,
  issuer: Uint8Array,
): readonly Correction[] {
  for (const [i, entry] of usageCorrections.entries()) {
    const own = `${path}.usageCorrections[${i}]`
    if (!equalBytes(entry.publicKey, issuer)) mismatch(`${own}.publicKey`, "is not the issuer's key")
    if (!usageCorrectionValid(entry))
      mismatch(`${own}.signature`, 'the issuer has not signed this entry: something in it was changed')
  }
  const read = readCorrections(usageCorrections, '/usageCorrections')
  return read.ok ? read.value : mismatch(`${path}${pathOf(read.fault)}`, read.fault.message)
}

/** Whether a person said what was used where nothing was measured. */
function isStated(
  { resource, meter, itself, period }: Measurement,
  corrections: readonly Correction[],
): boolean {
  const place = { resource, meter, itself, period: periodOf('measurement.period', period) }
  return touching(corrections, place).some(({ stated }) => stated !== undefined)
}

/** The hour that stands in for a gap follows from readings like any usage; the rest of an estimate is looked at where it is rated. */
function checkReference(
  path: string,
  { measurement: index, resource, reference }: Estimate,
  measurements: readonly Measurement[],
  archive: Archive,
): void {
  const { meter, unit } = present(`${path}.measurement`, measurements[index])
  const own = `${path}.reference`
  const usage = present(own, reference)
  const { period } = usage
  const asked = create(MeasurementSchema, { resource, meter, unit, period: present(`${own}.period`, period) })
  checkStreamUsage(own, usage, asked, archive)
}

/** Two streams of one resource may follow each other in a measurement, never run side by side. */
function checkNoOverlap(path: string, { streams }: Measurement): void {
  for (const group of Map.groupBy(streams.entries(), ([, { resource }]) => resource).values()) {
    const parts = group
      .flatMap(([i, { epochs }]) =>
        epochs.map(({ opening, closing }) => ({ i, from: opening!.atMs, to: closing!.atMs })),
      )
      .toSorted((a, b) => (a.from < b.from ? -1 : 1))
    let latest = parts[0]
    for (const part of parts.slice(1)) {
      if (latest !== undefined && part.i !== latest.i && part.from < latest.to) {
        mismatch(
          `${path}.streams[${part.i}]`,
          `overlaps streams[${latest.i}] in time: the same use would be billed twice`,
        )
      }
      if (latest === undefined || part.to > latest.to) latest = part
    }
  }
}

/** No use is measured twice: the same meter of the same metered resource at the same time. */
function checkSingleMeasuring(path: string, measurements: readonly Measurement[]): void {
  const all = measurements.flatMap(({ meter, period, streams }, i) =>
    [...new Set(streams.map(({ resource }) => resource))].map((resource) => ({ i, meter, resource, period })),
  )
  for (const group of Map.groupBy(all, ({ meter, resource }) => `${meter} ${resource}`).values()) {
    const ordered = group.toSorted((a, b) => (a.period!.fromMs < b.period!.fromMs ? -1 : 1))
    for (const [position, one] of ordered.entries()) {
      const before = ordered[position - 1]
      if (before === undefined || before.period!.toMs <= one.period!.fromMs) continue
      const [first, second] = [Math.min(before.i, one.i), Math.max(before.i, one.i)]
      mismatch(`${path}.measurements[${second}]`, `measures what measurements[${first}] measures`)
    }
  }
}
