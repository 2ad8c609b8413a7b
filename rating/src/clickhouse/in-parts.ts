import { type Result, ok } from '@vouch/proto/kernel/fault.ts'

/** While one is parsed here, the engine works on the other; more would make other questions wait. */
const AT_ONCE = 2

/** What was read of parts of a list, in their order: two at a time, and none after a fault, which is the answer then. */
export async function readInParts<In, Out>(
  all: readonly In[],
  size: number,
  read: (part: readonly In[]) => Promise<Result<Out>>,
): Promise<Result<Out[]>> {
  const found: Out[] = []
  let next = 0
  let fault: Result<never> | undefined
  const work = async (): Promise<void> => {
    while (next * size < all.length && fault === undefined) {
      const place = next
      next += 1
      const part = await read(all.slice(place * size, (place + 1) * size))
      if (part.ok) found[place] = part.value
      else fault ??= part
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return fault ?? ok(found)
}
