import type { StreamRecord, StreamUsage } from './stream-usage.ts'

/** Two streams that measured the same thing at the same time: adding them would bill it twice. */
export interface Conflict {
  readonly resource: string
  readonly meter: string
  readonly agentIds: readonly [string, string]
  /** An instant that both measured. */
  readonly atMs: number
}

const subject = (stream: { resource: string; meter: string }): string => `${stream.resource}\n${stream.meter}`

/**
 * The streams that stand for their resource and meter: those that measured in the period, or
 * where none did, the one that measured last before its end, so that the hole stays visible.
 */
export function representatives(records: readonly StreamRecord[]): StreamRecord[] {
  const groups = Map.groupBy(records, (record) => subject(record.stream))
  const chosen = [...groups.values()].flatMap((group) => {
    const measured = group.filter((record) => record.epochs.length > 0)
    if (measured.length > 0) return measured
    return group
      .toSorted((a, b) => b.lastMs - a.lastMs || (a.stream.streamId < b.stream.streamId ? -1 : 1))
      .slice(0, 1)
  })
  const key = ({ stream }: StreamRecord): string => `${subject(stream)}\n${stream.streamId}`
  return chosen.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

/** The first overlap in time of two streams with one resource and meter; undefined where there is none. */
export function findConflict(usages: readonly StreamUsage[]): Conflict | undefined {
  for (const group of Map.groupBy(usages, ({ stream }) => subject(stream)).values()) {
    if (group.length < 2) continue
    const parts = group
      .flatMap(({ stream, epochs }) =>
        epochs.map((epoch) => ({ stream, from: epoch.opening.atMs, to: epoch.closing.atMs })),
      )
      .toSorted((a, b) => a.from - b.from)
    let latest = parts[0]
    for (const part of parts.slice(1)) {
      if (latest !== undefined && part.stream.streamId !== latest.stream.streamId && part.from < latest.to) {
        const { resource, meter } = part.stream
        return { resource, meter, agentIds: [latest.stream.agentId, part.stream.agentId], atMs: part.from }
      }
      if (latest === undefined || part.to > latest.to) latest = part
    }
  }
  return undefined
}
