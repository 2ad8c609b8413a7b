import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runDecoder, runSockets, runSurface } from './run.ts'
import { startSubject } from './subject.ts'
import type { Subject } from './subject.ts'

const DECODER_CASES = 10_000
const CALLS = 100
const SOCKETS = 500
/** What mutated calls may cost: 16 sockets with a few messages of the largest size each, and the engine's own. */
const MEMORY_GROWTH_MIB = 600
const RECEIPT_MAX_MS = 10_000

const range = (end: number): number[] => Array.from({ length: end }, (_, index) => index)
// Named in every failure: `npm run fuzz -- --seed … --case …` runs it again.
const seed = randomInt(2 ** 31)

let subject: Subject
beforeAll(async () => {
  subject = await startSubject({ VOUCH_COLLECTOR_HELLO_TIMEOUT_MS: '500', VOUCH_LOG_LEVEL: 'info' })
}, 60_000)
afterAll(() => subject.dispose())

describe('mutated input', () => {
  it('the decoders take or refuse, by a code of the list, and never throw', () => {
    const { failures, tally } = runDecoder(seed, range(DECODER_CASES))
    expect(failures).toEqual([])
    // The mutants reach behind the first check.
    for (const code of ['taken', 'BATCH_MALFORMED', 'BATCH_TOO_LARGE', 'FIELD_INVALID', 'SIGNATURE_INVALID'])
      expect(tally.get(code), code).toBeGreaterThan(0)
  })

  it('the same case gives the same answer again', () => {
    const one = [4_711]
    expect(runDecoder(1, one).tally).toEqual(runDecoder(1, one).tally)
  })

  it('a collector answers every call, and an honest agent gets its receipts', async () => {
    const { failures, honest, memoryMib } = await runSurface(subject, seed, range(CALLS))
    expect(failures).toEqual([])
    expect(honest.batches).toBeGreaterThan(0)
    expect(honest.slowestMs).toBeLessThan(RECEIPT_MAX_MS)
    expect(memoryMib.peak - memoryMib.before).toBeLessThan(MEMORY_GROWTH_MIB)
  }, 60_000)

  it('HTTP/2 frames and other bytes on bare sockets leave it as it is', async () => {
    const { failures, honest, memoryMib } = await runSockets(subject, seed, range(SOCKETS))
    expect(failures).toEqual([])
    expect(honest.slowestMs).toBeLessThan(RECEIPT_MAX_MS)
    expect(memoryMib.peak - memoryMib.before).toBeLessThan(MEMORY_GROWTH_MIB)
  }, 60_000)
})
