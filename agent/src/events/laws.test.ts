import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import { MeteringRun, factsOf } from '../metering-run.ts'
import { openSpool } from '../spool/spool.ts'
import type { Spool } from '../spool/spool.ts'
import { World } from '../testing/world.ts'
import { PARTS } from './amount.ts'
import { EventsSource } from './events-source.ts'
import { readEvent } from './event.ts'
import type { EventRules } from './event.ts'
import { openEventStore } from './store.ts'
import type { Accepted, EventStore, StoreLimits } from './store.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const signer = signerOf(generateKeys().privateKey)
const LIMITS: StoreLimits = { windowMs: 86_400_000, idsMax: 1_000_000, countersMax: 100 }
const rules: EventRules = {
  host: 'host:a',
  declarations: new Map([
    [
      'call',
      {
        meter: 'api.calls',
        unit: '1',
        amount: ['data', 'n'],
        service: 'api',
        dimensions: [['region', ['region']]],
      },
    ],
  ]),
}
const TIME = new Date(new World().wallMs()).toISOString()

let directory = ''
let files = 0
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'vouch-events-'))))
afterAll(() => rmSync(directory, { recursive: true }))

/** The event of a number: its amount and dimension follow from it. */
function event(number: number, time = TIME) {
  return unwrap(
    readEvent(
      {
        specversion: '1.0',
        id: `${number}`,
        source: '/test',
        type: 'call',
        time,
        region: `r${number % 3}`,
        data: { n: `${number % 7}.5` },
      },
      rules,
    ),
  )
}

/** The totals of distinct events, in parts by resource. */
function truth(numbers: Iterable<number>): Map<string, bigint> {
  const totals = new Map<string, bigint>()
  for (const number of new Set(numbers)) {
    const { counter, amount } = event(number)
    totals.set(counter.resource, (totals.get(counter.resource) ?? 0n) + amount)
  }
  return totals
}

function totalsOf(store: EventStore): Map<string, bigint> {
  return new Map(store.counters().map(({ resource, total }) => [resource, total]))
}

function submitted(store: EventStore, numbers: readonly number[], nowMs: number): Result<Accepted> {
  const submission = { occurrences: numbers.map((number) => event(number)), isBatch: true }
  return unwrap(store.commit([submission], [], nowMs))[0]!
}

const numbers = fc.array(fc.nat(40), { maxLength: 12 })

describe('counters of events', () => {
  it('count distinct events, in any order, repeated and split in any way, over restarts', () => {
    const nowMs = new World().wallMs()
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(numbers, { maxLength: 4 }), fc.boolean()), { maxLength: 6 }),
        (steps) => {
          const path = join(directory, `${(files += 1)}.sqlite`)
          let store = unwrap(openEventStore(path, LIMITS, nowMs))
          const sent: number[] = []
          for (const [group, restarts] of steps) {
            const submissions = group.map((each) => ({
              occurrences: each.map((n) => event(n)),
              isBatch: true,
            }))
            for (const outcome of unwrap(store.commit(submissions, [], nowMs))) unwrap(outcome)
            sent.push(...group.flat())
            if (!restarts) continue
            store.close()
            store = unwrap(openEventStore(path, LIMITS, nowMs))
          }
          expect(totalsOf(store)).toEqual(truth(sent))
          store.close()
        },
      ),
      { numRuns: 40 },
    )
  })

  it('count nothing twice outside of the window, and refuse what may be a repetition', () => {
    const happening = fc.record({ number: fc.nat(30), ageMs: fc.nat(3000), passedMs: fc.nat(1500) })
    const world = new World()
    fc.assert(
      fc.property(
        fc.array(happening, { maxLength: 60, size: 'max' }),
        fc.integer({ min: 1, max: 20 }),
        (happenings, idsMax) => {
          const limits = { ...LIMITS, windowMs: 2000, idsMax }
          const store = unwrap(openEventStore(':memory:', limits, world.wallMs()))
          let nowMs = world.wallMs()
          const times = new Map<number, string>()
          const counted = new Set<number>()
          for (const { number, ageMs, passedMs } of happenings) {
            nowMs += passedMs
            const time = times.get(number) ?? new Date(nowMs - ageMs).toISOString()
            times.set(number, time)
            const [outcome] = unwrap(
              store.commit([{ occurrences: [event(number, time)], isBatch: false }], [], nowMs),
            )
            if (outcome!.ok && outcome!.value.counted === 1) {
              expect(counted.has(number)).toBe(false)
              counted.add(number)
            } else if (!outcome!.ok)
              expect(outcome!.fault).toMatchObject({ code: 'EVENT_TOO_OLD', pointer: '/time' })
            else expect(counted.has(number)).toBe(true)
          }
          expect(totalsOf(store)).toEqual(truth(counted))
          store.close()
        },
      ),
    )
  })

  it('of a batch are all or none', () => {
    const store = unwrap(openEventStore(':memory:', { ...LIMITS, countersMax: 2 }, 0))
    const nowMs = new World().wallMs()
    expect(submitted(store, [0, 1, 2], nowMs)).toMatchObject({
      fault: { code: 'EVENT_STREAMS_EXCEEDED', pointer: '/2' },
    })
    expect(store.counters()).toEqual([])
    expect(submitted(store, [0, 1, 3, 3], nowMs)).toEqual({ ok: true, value: { counted: 3, repeated: 1 } })
    expect(submitted(store, [3, 4], nowMs - 120_000)).toMatchObject({
      fault: { code: 'EVENT_IN_FUTURE', pointer: '/1/time' },
    })
    expect(totalsOf(store)).toEqual(truth([0, 1, 3]))
    store.close()
  })
})

/** Usage that the batches of a spool show: last − first of each epoch. */
function delivered(spool: Spool): bigint {
  const epochs = new Map<string, bigint[]>()
  let usage = 0n
  const runs = new Set<string>()
  for (let run = spool.oldestRun(); run !== undefined; run = spool.oldestRun()) {
    expect(runs.has(run.toHex())).toBe(false)
    runs.add(run.toHex())
    for (const { signed, sequence } of spool.batches(run, 0n, 1e6)) {
      const columns = unwrap(decodeBody(signed.body))
      let row = 0
      for (const [segment, rows] of columns.segmentRows.entries()) {
        const at = 16 * columns.segmentStream[segment]!
        const key = `${columns.streamIds.slice(at, at + 16).toHex()} ${columns.segmentEpoch[segment]}`
        const registers = epochs.get(key) ?? []
        epochs.set(key, registers)
        registers.push(...columns.register.slice(row, row + rows))
        row += rows
      }
      unwrap(spool.release(run, sequence))
    }
  }
  for (const registers of epochs.values()) {
    expect(registers.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))).toEqual(registers)
    usage += registers.at(-1)! - registers[0]!
  }
  return usage
}

describe('events on their way into batches', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('post' as const), numbers }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('seal' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('crash' as const, 'reboot' as const) }) },
  )

  it('are all billed, once, wherever the agent crashes or the host boots', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
        const base = join(directory, `${(files += 1)}`)
        const world = new World()
        let boot = 1
        const clock = Object.assign(Object.create(world) as World, { bootId: new Uint8Array(16).fill(boot) })
        const begin = () => {
          const spool = unwrap(openSpool(`${base}.spool`, { bytesMax: 1e7, ageMaxMs: 1e9 }, clock.wallMs()))
          const store = unwrap(openEventStore(`${base}.events`, LIMITS, clock.wallMs()))
          const source = new EventsSource(store, { clock, facts: factsOf(spool) }, () => Promise.resolve())
          const options = { agentId: new Uint8Array(16), agentVersion: '1', spool, clock, logger: silent }
          const run = new MeteringRun({ ...options, sources: [source], signer: () => signer }, 1000)
          return { spool, store, run }
        }
        let agent = begin()
        const sent: number[] = []
        for (const each of steps) {
          world.pass(1000, 0n)
          if (each.kind === 'post') {
            unwrap(submitted(agent.store, each.numbers, clock.wallMs()))
            sent.push(...each.numbers)
          } else if (each.kind === 'look') await agent.run.look()
          else if (each.kind === 'seal') unwrap(agent.run.seal())
          else {
            agent.store.close()
            agent.spool.close()
            if (each.kind === 'reboot') Object.assign(clock, { bootId: new Uint8Array(16).fill((boot += 1)) })
            agent = begin()
          }
        }
        world.pass(1000, 0n)
        await agent.run.look()
        unwrap(agent.run.seal(true))
        const expected = [...truth(sent).values()].reduce((sum, total) => sum + total / PARTS, 0n)
        expect(delivered(agent.spool)).toBe(expected)
        agent.store.close()
        agent.spool.close()
      }),
      { numRuns: 40 },
    )
  })
})
