import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { HonestAgent } from '../fuzz/honest.ts'
import type { HonestReport } from '../fuzz/honest.ts'
import type { Subject } from '../fuzz/subject.ts'

/** What became of a crowd of strangers, and of an agent beside it. */
export interface StormReport {
  /** Until every socket was taken or refused, milliseconds. */
  readonly tookMs: number
  /** Descriptors of the collector at the end less those before. */
  readonly left: number
  readonly honest: HonestReport
  /** Memory of the collector before and at its peak, MiB. */
  readonly memoryMib: { readonly before: number; readonly peak: number }
}

const CROWD = fileURLToPath(import.meta.resolve('./crowd.ts'))
const AROUND_MS = 1_000
/** Descriptors that the stores of a collector open and close meanwhile. */
export const NOISE = 50

/** Opens so many sockets at once from several processes beside an honest agent, and waits up to `goneMaxMs` until none is left. */
export async function storm(
  subject: Subject,
  sockets: number,
  processes: number,
  goneMaxMs: number,
): Promise<StormReport> {
  const children = Array.from({ length: processes }, () =>
    fork(CROWD, { execArgv: ['--disable-warning=ExperimentalWarning'] }),
  )
  try {
    const honest = await HonestAgent.start(subject.address, await subject.enrol())
    await sleep(AROUND_MS)
    const before = subject.memoryMib()
    const descriptors = subject.openDescriptors()
    const task = { address: subject.address, sockets: Math.ceil(sockets / processes) }
    const took = await Promise.all(children.map((child) => asked<{ readonly tookMs: number }>(child, task)))
    let left = subject.openDescriptors() - descriptors
    for (let waitedMs = 0; left > NOISE && waitedMs < goneMaxMs; waitedMs += AROUND_MS) {
      await sleep(AROUND_MS)
      left = subject.openDescriptors() - descriptors
    }
    const report = await honest.report()
    return {
      tookMs: Math.max(...took.map(({ tookMs }) => tookMs)),
      left,
      honest: report,
      memoryMib: { before, peak: subject.peakMemoryMib() },
    }
  } finally {
    for (const child of children) child.disconnect()
  }
}

async function asked<T>(child: ChildProcess, question: object): Promise<T> {
  const answer = once(child, 'message')
  child.send(question)
  const [said] = (await answer) as [T]
  return said
}
