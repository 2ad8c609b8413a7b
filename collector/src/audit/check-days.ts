import { DAY_MS, dayDigest, formatDay, openDay } from '@vouch/proto/seal/day.ts'
import { MerkleHasher } from '@vouch/proto/seal/merkle.ts'
import type { StoredDay } from './day-store.ts'
import type { Findings } from './findings.ts'

/** What the check of the days needs. */
export interface DaySources {
  /** Public keys of the collector by key id, hexadecimal; retired ones too. */
  readonly collectorKeys: ReadonlyMap<string, Uint8Array>
  /** Digests under a day in ascending order, in pages. */
  readonly leaves: (startMs: number) => AsyncIterable<readonly Uint8Array[]>
}

/** Checks the roots of days in ascending order: signature, columns, chain, and the root over the leaves. */
export class DayChecker {
  readonly #sources: DaySources
  readonly #findings: Findings
  #before: StoredDay | undefined

  constructor(sources: DaySources, findings: Findings) {
    this.#sources = sources
    this.#findings = findings
  }

  /** Checks the next day. */
  async check(day: StoredDay): Promise<void> {
    const before = this.#before
    this.#before = day
    const name = `day ${formatDay(day.startMs)}`
    const found = (problem: string): void => this.#findings.add(name, problem)
    const keyId = day.signed.keyId.toHex()
    const key = this.#sources.collectorKeys.get(keyId)
    if (key === undefined) {
      found(`is signed by key ${keyId}, which is none of the collector's`)
      return
    }
    const opened = openDay(day.signed, key)
    if (!opened.ok) {
      found(`${opened.fault.message}: root, signature or key was changed`)
      return
    }
    const { startMs, batches, root, previousDigest } = opened.value
    if (startMs !== day.startMs) found(`its signed message says day ${opened.value.day}`)
    const columns = [day.batches, day.root.toHex(), day.previous.toHex()].join(' ')
    if (columns !== [batches, root.toHex(), previousDigest.toHex()].join(' '))
      found('its columns do not say what its signed message says')
    this.#checkChain(before, day, previousDigest.toHex(), found)
    const tree = new MerkleHasher()
    for await (const page of this.#sources.leaves(day.startMs)) for (const leaf of page) tree.add(leaf)
    if (tree.size !== Number(batches)) found(`has ${tree.size} leaves, and ${batches} are signed`)
    if (tree.root().toHex() !== root.toHex())
      found(`its leaves have the root ${tree.root().toHex()}, and ${root.toHex()} is signed`)
  }

  #checkChain(
    before: StoredDay | undefined,
    day: StoredDay,
    previous: string,
    found: (problem: string) => void,
  ): void {
    if (before === undefined) {
      if (previous !== '')
        found('names a day before it, and is the first one stored: earlier ones are missing')
      return
    }
    if (day.startMs === before.startMs) found('is stored with two different roots')
    else if (day.startMs !== before.startMs + DAY_MS)
      found(`the days after ${formatDay(before.startMs)} are missing before it`)
    else if (previous !== dayDigest(before.signed.dayRoot).toHex())
      found(`does not continue the root of ${formatDay(before.startMs)} that is stored`)
  }
}
