import type { AdmittedBatch, Hex } from '../ports.ts'

/** Time of the newest reading of a batch, by which the archive is cut into months, epoch milliseconds. */
export type LastTime = (batch: AdmittedBatch) => number

/**
 * Cuts batches into inserts of which each makes one part of the archive, so that a crash leaves none of it or all:
 * an insert over several months makes a part for each, and the later month of an agent could be durable without
 * the earlier. The inserts of an agent are in the order of its chain.
 */
export function levelsOf(batches: readonly AdmittedBatch[], lastMs: LastTime): AdmittedBatch[][] {
  const agents = new Map<Hex, { readonly month: string; readonly level: number }>()
  const inserts = new Map<string, { readonly level: number; readonly batches: AdmittedBatch[] }>()
  for (const batch of batches) {
    const month = new Date(lastMs(batch)).toISOString().slice(0, 7)
    const agent = batch.agentId.toHex()
    const before = agents.get(agent)
    const level = (before?.level ?? 0) + (before === undefined || before.month === month ? 0 : 1)
    agents.set(agent, { month, level })
    const insert = inserts.get(`${level} ${month}`) ?? { level, batches: [] }
    insert.batches.push(batch)
    inserts.set(`${level} ${month}`, insert)
  }
  return [...inserts.values()].toSorted((a, b) => a.level - b.level).map((insert) => insert.batches)
}
