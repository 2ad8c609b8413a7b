import { fuzzDecoder, randomOf, tallyUp } from './decoder.ts'
import type { Tally } from './decoder.ts'
import { HonestAgent } from './honest.ts'
import type { HonestReport } from './honest.ts'
import { socketBytes, throwAt } from './raw-http2.ts'
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
const SOCKETS_AT_ONCE = 200
/** A socket need not end by itself: a call may have been opened on it. */
const SOCKET_WAIT_MS = 500
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

/** Runs cases, one after another. */
interface Worker {
  run(index: number): Promise<void>
  close(): void
}

/** Makes calls to a collector while an honest agent delivers to it, each worked through to its end. */
export function runSurface(subject: Subject, seed: number, cases: Iterable<number>): Promise<SurfaceReport> {
  const workers = (tally: Tally): Worker[] =>
    Array.from({ length: WORKERS }, () => new SurfaceWorker(subject, seed, tally))
  return besideHonest(subject, cases, workers, (index) => `--seed ${seed} --call ${index}`)
}

/** Throws bytes at bare sockets: HTTP/2 frames, sound and mutated, and what is none. Afterwards a new agent is served. */
export async function runSockets(
  subject: Subject,
  seed: number,
  cases: Iterable<number>,
): Promise<SurfaceReport> {
  const workers = (tally: Tally): Worker[] => {
    const run = async (index: number): Promise<void> =>
      tallyUp(await throwAt(subject.address, socketBytes(randomOf(seed, index)), SOCKET_WAIT_MS), tally)
    return Array.from({ length: SOCKETS_AT_ONCE }, () => ({ run, close: () => {} }))
  }
  const report = await besideHonest(subject, cases, workers, (index) => `--seed ${seed} --socket ${index}`)
  await (await HonestAgent.start(subject.address, await subject.enrol())).report()
  return report
}

async function besideHonest(
  subject: Subject,
  cases: Iterable<number>,
  workersOf: (tally: Tally) => readonly Worker[],
  again: (index: number) => string,
): Promise<SurfaceReport> {
  const tally: Tally = new Map()
  const failures: string[] = []
  const honest = await HonestAgent.start(subject.address, await subject.enrol())
  const before = subject.memoryMib()
  let peak = before
  const look = setInterval(() => (peak = Math.max(peak, subject.memoryMib())), MEMORY_POLL_MS)
  const startedMs = performance.now()
  const queue = cases[Symbol.iterator]()
  const work = async (worker: Worker): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) {
      try {
        await worker.run(next.value)
      } catch (error) {
        if (failures.length < FAILURES_MAX) failures.push(`${again(next.value)}: ${String(error)}`)
      }
      if (subject.ended() !== undefined || failures.length >= FAILURES_MAX) break
    }
    worker.close()
  }
  await Promise.all(workersOf(tally).map(work))
  clearInterval(look)
  const tookMs = Math.round(performance.now() - startedMs)
  if (subject.ended() !== undefined) failures.push(`the collector ended with ${subject.ended()}`)
  return { tally, failures, tookMs, honest: await honest.report(), memoryMib: { before, peak } }
}
