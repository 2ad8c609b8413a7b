import { fuzzDecoder } from './decoder.ts'
import type { Tally } from './decoder.ts'
import { HonestAgent } from './honest.ts'
import type { HonestReport } from './honest.ts'
import type { Subject } from './subject.ts'
import { SurfaceWorker } from './surface.ts'

/** What fuzzing found. */
export interface FuzzReport {
  readonly tally: Tally
  readonly tookMs: number
  /** What went wrong, each with the case that shows it; at most ten. */
  readonly failures: readonly string[]
}

/** Of calls to a collector in another process. */
export interface SurfaceReport extends FuzzReport {
  readonly honest: HonestReport
  /** Memory of the collector before and at its peak, MiB. */
  readonly memoryMib: { readonly before: number; readonly peak: number }
}

const FAILURES_MAX = 10
const WORKERS = 16
const MEMORY_POLL_MS = 20

/** Feeds cases to the decoders in this process. */
export function runDecoder(seed: number, cases: Iterable<number>): FuzzReport {
  const tally: Tally = new Map()
  const failures: string[] = []
  const startedMs = performance.now()
  for (const index of cases) {
    try {
      fuzzDecoder(seed, index, tally)
    } catch (error) {
      failures.push(`--seed ${seed} --case ${index}: ${String(error)}`)
      if (failures.length >= FAILURES_MAX) break
    }
  }
  return { tally, failures, tookMs: Math.round(performance.now() - startedMs) }
}

/** Makes calls to a collector while an honest agent delivers to it. */
export async function runSurface(
  subject: Subject,
  seed: number,
  cases: Iterable<number>,
): Promise<SurfaceReport> {
  const tally: Tally = new Map()
  const failures: string[] = []
  const honest = new HonestAgent(subject.address, await subject.enrol())
  const before = subject.memoryMib()
  let peak = before
  const look = setInterval(() => (peak = Math.max(peak, subject.memoryMib())), MEMORY_POLL_MS)
  const startedMs = performance.now()
  const queue = cases[Symbol.iterator]()
  const work = async (): Promise<void> => {
    const worker = new SurfaceWorker(subject, seed, tally)
    for (let next = queue.next(); next.done !== true; next = queue.next()) {
      try {
        await worker.run(next.value)
      } catch (error) {
        if (failures.length < FAILURES_MAX)
          failures.push(`--seed ${seed} --call ${next.value}: ${String(error)}`)
      }
      if (subject.ended() !== undefined || failures.length >= FAILURES_MAX) break
    }
    worker.close()
  }
  await Promise.all(Array.from({ length: WORKERS }, work))
  clearInterval(look)
  const tookMs = Math.round(performance.now() - startedMs)
  if (subject.ended() !== undefined) failures.push(`the collector ended with ${subject.ended()}`)
  return { tally, failures, tookMs, honest: await honest.report(), memoryMib: { before, peak } }
}
