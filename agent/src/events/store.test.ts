import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import { World } from '../testing/world.ts'
import { PARTS } from './amount.ts'
import type { Occurrence } from './event.ts'
import { EventsSource } from './events-source.ts'
import { GroupCommit } from './group-commit.ts'
import { openEventStore } from './store.ts'
import type { EventStore } from './store.ts'

const LIMITS = { windowMs: 60_000, idsMax: 1000, countersMax: 10 }
const world = new World()
const NOW_MS = world.wallMs()

let directory = ''
let path = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-store-'))
  path = join(directory, 'events.sqlite')
})
afterEach(() => rmSync(directory, { recursive: true }))

const open = (nowMs = NOW_MS): EventStore => unwrap(openEventStore(path, LIMITS, nowMs))
const occurrence = (id: number, amount = PARTS, timeMs = NOW_MS): Occurrence => ({
  key: new Uint8Array(16).fill(id),
  timeMs,
  counter: { resource: 'host:a/service:s', meter: 'api.calls', unit: '1', attributes: {} },
  amount,
})
const count = (store: EventStore, ...occurrences: Occurrence[]) =>
  unwrap(store.commit([{ occurrences, isBatch: false }], [], NOW_MS))[0]

function changed(sql: string): void {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

describe('counters on disk', () => {
  it.each<[string, () => void]>([
    ['no database', () => writeFileSync(path, 'x'.repeat(8192))],
    ['another total', () => changed("UPDATE counters SET total = '7'")],
    ['no such table', () => changed('DROP TABLE ids')],
    ['no horizon', () => changed("DELETE FROM meta WHERE key = 'horizon_ms'")],
  ])('that read as %s are set aside, and what may be a repetition is refused', (_, damage) => {
    const before = open()
    count(before, occurrence(1))
    const { name } = before
    before.close()
    damage()
    const after = open(NOW_MS + 1)
    expect(after.counters()).toEqual([])
    expect(after.name).not.toBe(name)
    expect(after.faults(NOW_MS)).toMatchObject([{ code: 'SPOOL_CORRUPT' }])
    expect(count(after, occurrence(1))).toMatchObject({ fault: { code: 'EVENT_TOO_OLD' } })
    expect(readdirSync(directory)).toContain(`events.sqlite.corrupt-${NOW_MS + 1}`)
    after.close()
  })

  it('of a newer version are left as they are', () => {
    open().close()
    changed('PRAGMA user_version = 99')
    expect(openEventStore(path, LIMITS, NOW_MS)).toMatchObject({ fault: { code: 'DATA_DIRECTORY_NEWER' } })
  })

  it('never exceed a register, and hold what a register can', () => {
    const store = open()
    const most = (2n ** 64n - 1n) * PARTS
    expect(count(store, occurrence(1, most))).toMatchObject({ ok: true })
    expect(count(store, occurrence(2, 1n))).toMatchObject({ fault: { code: 'OUT_OF_RANGE' } })
    store.close()
    const again = open()
    expect(again.counters()).toMatchObject([{ total: most }])
    again.close()
  })
})

describe('what was refused', () => {
  it('is kept once, bounded, and is a fault until it is old', () => {
    const store = open()
    const { fault } = fail('EVENT_UNDECLARED', 'no such type', { pointer: '/type' })
    for (let each = 0; each < 1200; each += 1)
      unwrap(
        store.commit(
          [],
          [{ fault, body: Buffer.from(`${Math.max(each, 100)}${'x'.repeat(20_000)}`) }],
          NOW_MS + each,
        ),
      )
    expect(store.faults(NOW_MS)).toMatchObject([{ code: 'EVENT_UNDECLARED' }])
    store.close()
    const db = new DatabaseSync(path)
    const kept = db
      .prepare('SELECT count(*) AS n, max(times) AS times, max(length(body)) AS octets FROM quarantine')
      .get()
    expect(kept).toEqual({ n: 1000, times: 1, octets: 16_384 })
    db.close()
    const later = open()
    const other = fail('FIELD_MISSING', 'no id').fault
    unwrap(later.commit([], [{ fault: other, body: new Uint8Array() }], NOW_MS + 8 * 86_400_000))
    expect(later.faults(NOW_MS).map(({ message }) => message)).toEqual([
      'events were refused (FIELD_MISSING); the table quarantine of events.sqlite keeps them',
    ])
    later.close()
  })
})

describe('the source', () => {
  it('opens no counter again where the spool was lost', async () => {
    const store = open()
    let fact: string | undefined
    const context = { clock: world, facts: () => fact }
    const made = () => new EventsSource(store, context, () => Promise.resolve())
    const zeros = async (source: EventsSource) =>
      (await source.look()).flatMap(({ samples }) => samples).filter(({ value }) => value === 0n).length
    count(store, occurrence(1))
    const first = made()
    const [opening] = await first.look()
    expect(await zeros(first)).toBe(0)
    expect(await zeros(made())).toBe(1)
    fact = opening?.facts?.get('events/opened')
    expect(await zeros(made())).toBe(0)
    fact = undefined
    expect(await zeros(made())).toBe(0)
    store.close()
  })

  it('gives readings of counters that stand still, in a track that goes on', async () => {
    const store = open()
    const source = new EventsSource(store, { clock: world, facts: () => undefined }, () => Promise.resolve())
    expect(await source.look()).toEqual([])
    count(store, occurrence(1))
    const tracks = []
    for (let round = 0; round < 3; round += 1) {
      world.pass(1000, 0n)
      tracks.push(
        (await source.look()).map(({ track, at, samples }) => [track, at?.wallMs, samples[0]?.value]),
      )
    }
    expect(tracks).toEqual([
      [
        ['events/1', NOW_MS, 0n],
        ['events/1', NOW_MS + 1000, 1n],
      ],
      [['events/1', NOW_MS + 2000, 1n]],
      [['events/1', NOW_MS + 3000, 1n]],
    ])
    store.close()
  })
})

describe('requests that arrive together', () => {
  it('share one transaction, and each has its own outcome', async () => {
    const store = open()
    const commits: number[] = []
    const counting = new Proxy(store, {
      get: (target, key) => {
        if (key !== 'commit') return Reflect.get(target, key, target) as unknown
        return (...values: Parameters<EventStore['commit']>) => {
          commits.push(values[0].length)
          return target.commit(...values)
        }
      },
    })
    const group = new GroupCommit(counting, () => NOW_MS)
    const late = occurrence(9, PARTS, NOW_MS - 120_000)
    const outcomes = await Promise.all(
      [occurrence(1), late, occurrence(1), occurrence(2)].map((each) =>
        group.submit({ occurrences: [each], isBatch: false }),
      ),
    )
    expect(commits).toEqual([4])
    expect(outcomes).toMatchObject([
      { value: { counted: 1, repeated: 0 } },
      { fault: { code: 'EVENT_TOO_OLD' } },
      { value: { counted: 0, repeated: 1 } },
      { value: { counted: 1, repeated: 0 } },
    ])
    expect(store.counters()).toMatchObject([{ total: 2n * PARTS }])
    store.close()
  })
})
