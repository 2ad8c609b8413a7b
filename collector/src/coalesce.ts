import type { Result } from '@vouch/proto/kernel/fault.ts'

/** Asks for the values of some keys, in their order. */
export type Ask<Key, Value> = (keys: readonly Key[]) => Promise<Result<readonly Value[]>>

interface Waiting<Key, Value> {
  readonly keys: readonly Key[]
  readonly answer: (result: Result<readonly Value[]>) => void
  readonly fail: (error: unknown) => void
}

/**
 * Puts questions that come while another is under way into one, of at most `keysMax` keys or a single question.
 * A query has a price of its own: after a restart, thousands of agents ask at once.
 */
export function coalesce<Key, Value>(ask: Ask<Key, Value>, keysMax: number): Ask<Key, Value> {
  const waiting: Waiting<Key, Value>[] = []
  let busy = false
  const run = async (): Promise<void> => {
    busy = true
    while (waiting.length > 0) await answerAll(takeGroup(waiting, keysMax), ask)
    busy = false
  }
  return (keys) =>
    new Promise((answer, fail) => {
      waiting.push({ keys, answer, fail })
      if (!busy) void run()
    })
}

function takeGroup<Key, Value>(waiting: Waiting<Key, Value>[], keysMax: number): Waiting<Key, Value>[] {
  let [count, keys] = [0, 0]
  for (const question of waiting) {
    keys += question.keys.length
    if (count > 0 && keys > keysMax) break
    count++
  }
  return waiting.splice(0, count)
}

async function answerAll<Key, Value>(
  group: readonly Waiting<Key, Value>[],
  ask: Ask<Key, Value>,
): Promise<void> {
  try {
    const result = await ask(group.flatMap(({ keys }) => keys))
    let at = 0
    for (const { keys, answer } of group) {
      answer(result.ok ? { ok: true, value: result.value.slice(at, at + keys.length) } : result)
      at += keys.length
    }
  } catch (error) {
    for (const { fail } of group) fail(error)
  }
}
