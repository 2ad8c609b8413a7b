import { fileURLToPath } from 'node:url'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { startChild } from '../child.ts'
import { measure } from '../process-cost.ts'
import type { Cost } from '../process-cost.ts'

/** What the process of the raw SQLite is asked to do. */
export type RawMessage =
  { readonly do: 'load'; readonly stored: string } | { readonly do: 'insert'; readonly transactions: number }

/** Ids of each transaction that waits, or was inserted. */
export type RawAnswer = readonly number[]

/** What the raw SQLite did. */
export interface Raw {
  readonly cost: Cost
  readonly transactions: number
}

/** How many events an agent has accepted. */
export interface Stored {
  /** Path of its database, which nobody else has open. */
  readonly path: string
  readonly warmEvents: number
  readonly events: number
}

const PROGRAM = fileURLToPath(new URL('raw.ts', import.meta.url))

/**
 * What raw SQLite needs to insert the ids that an agent has stored, after those of its warm-up, into the same table
 * in the same transactions. Throws INTERNAL where what is stored is not what was sent.
 */
export async function measureRaw({ path, warmEvents, events }: Stored, file: string): Promise<Raw> {
  const child = startChild(PROGRAM, { VOUCH_DATA_FILE: file })
  const ask = async (message: RawMessage): Promise<RawAnswer> => (await child.ask(message)) as RawAnswer
  try {
    const sizes = await ask({ do: 'load', stored: path })
    const warm = countUpTo(sizes, warmEvents)
    const stored = sizes.reduce((sum, size) => sum + size, 0)
    if (stored !== warmEvents + events)
      throwFault('INTERNAL', `${stored} ids are stored, ${warmEvents + events} events were accepted`)
    await ask({ do: 'insert', transactions: warm })
    const transactions = sizes.length - warm
    const cost = await measure(child.pid, async () => void (await ask({ do: 'insert', transactions })))
    return { cost, transactions }
  } finally {
    await child.stop()
  }
}

/** How many of the first sizes make up the sum. */
function countUpTo(sizes: readonly number[], sum: number): number {
  let [count, reached] = [0, 0]
  while (reached < sum && count < sizes.length) reached += sizes[count++]!
  return count
}
