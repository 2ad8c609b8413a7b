import { type Result, ok } from '@vouch/proto/kernel/fault.ts'
import type { Archive, BatchPlace } from '../rate/ports.ts'

/** Bounds of the links shown for one request: beyond them a stretch of the chain is left out whole. */
export interface ChainLimits {
  readonly linksMax: number
  readonly runsMax: number
}

/**
 * The batches that link evidence batches of one agent to each other, within a run and from run to
 * run. A stretch is shown whole or not at all: half a stretch proves nothing. It cannot be shown
 * where a batch in it is in quarantine, has gone, or the stretch exceeds the limits.
 */
export async function chainLinks(
  evidence: readonly BatchPlace[],
  archive: Archive,
  limits: ChainLimits,
): Promise<Result<BatchPlace[]>> {
  const runs = Map.groupBy(evidence, ({ runId }) => runId)
  for (const [run, places] of runs)
    runs.set(
      run,
      places.toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1)),
    )
  const walk: Walk = { archive, limits, runs, earliestMs: Math.min(...evidence.map(({ lastMs }) => lastMs)) }
  const links = new Map<string, BatchPlace>()
  const show = (stretch: readonly BatchPlace[] | undefined): void => {
    if (stretch === undefined || links.size + stretch.length > limits.linksMax) return
    for (const place of stretch) links.set(place.digest, place)
  }
  for (const places of runs.values()) {
    for (const [i, place] of places.entries()) {
      const before = places[i - 1]
      const stretch =
        before === undefined
          ? await toEarlierRun(place, walk)
          : await within(place, before.sequence, place.sequence, walk)
      if (!stretch.ok) return stretch
      show(stretch.value)
    }
  }
  return ok([...links.values()])
}

interface Walk {
  readonly archive: Archive
  readonly limits: ChainLimits
  /** Evidence by run, ascending by sequence. */
  readonly runs: ReadonlyMap<string, readonly BatchPlace[]>
  readonly earliestMs: number
}

type Stretch = Promise<Result<BatchPlace[] | undefined>>

/** All batches of a run between two sequences; undefined unless every one of them is there. */
async function within(
  run: { agentId: string; runId: string },
  after: bigint,
  before: bigint,
  walk: Walk,
): Stretch {
  const count = before - after - 1n
  if (count === 0n) return ok([])
  if (count > BigInt(walk.limits.linksMax)) return ok(undefined)
  const places = await walk.archive.between(run, after, before)
  if (!places.ok) return places
  return ok(BigInt(places.value.length) === count ? places.value : undefined)
}

/** From the first evidence of a run back to the nearest evidence in a run before it. */
async function toEarlierRun(first: BatchPlace, walk: Walk): Stretch {
  const stretch: BatchPlace[] = []
  let run: { agentId: string; runId: string } = first
  let [oldest, before] = [first, first.sequence]
  if (walk.runs.size === 1) return ok(undefined)
  for (let i = 0; i < walk.limits.runsMax && stretch.length <= walk.limits.linksMax; i += 1) {
    const head = await within(run, 0n, before, walk)
    if (!head.ok || head.value === undefined) return head
    stretch.push(...head.value)
    oldest = head.value[0] ?? oldest
    if (oldest.previous === '' || isBefore(oldest, walk.earliestMs)) return ok(undefined)
    const found = await walk.archive.find([oldest.previous])
    if (!found.ok) return found
    const previous = found.value.find(({ agentId }) => agentId === first.agentId)
    if (previous === undefined) return ok(undefined)
    const target = walk.runs.get(previous.runId)?.findLast(({ sequence }) => sequence <= previous.sequence)
    if (target !== undefined) {
      const tail = await within(previous, target.sequence, previous.sequence + 1n, walk)
      return tail.ok && tail.value !== undefined ? ok([...stretch, ...tail.value]) : tail
    }
    run = previous
    oldest = previous
    before = previous.sequence + 1n
  }
  return ok(undefined)
}

/** True where a batch's readings end before an instant; one without readings (0) tells nothing. */
function isBefore({ lastMs }: BatchPlace, ms: number): boolean {
  return lastMs > 0 && lastMs < ms
}
