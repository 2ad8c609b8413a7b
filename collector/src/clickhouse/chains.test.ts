import { createHash } from 'node:crypto'
import type { ClickHouseClient } from '@clickhouse/client'
import { createTestEngine } from '@vouch/clickhouse'
import { ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Archive, Hex, Link } from '../ports.ts'
import { createChains } from './chains.ts'
import { embeddedInserter } from './insert.ts'
import type { Inserter } from './insert.ts'
import { migrateClickHouse } from './migrate.ts'
import { archiveOn } from '../testing/test-archive.ts'
import { ONE_NODE } from './topology.ts'

let engine: Awaited<ReturnType<typeof createTestEngine>>
let client: ClickHouseClient
let reader: ClickHouseClient
let writer: Inserter
let archive: Archive
beforeAll(async () => {
  engine = await createTestEngine()
  client = await engine.connect()
  reader = await engine.connect()
  unwrap(await migrateClickHouse(client, engine.database))
  writer = await embeddedInserter(client, engine.database)
  archive = archiveOn(engine.database, writer, reader)
})
afterAll(async () => {
  await writer.close()
  await reader.close()
  await client.close()
  await engine.dispose()
})

interface Row {
  readonly agent: number
  readonly run: number
  readonly sequence: number
  readonly month: number
  readonly previous: Hex
}

const digestOf = ({ agent, run, sequence }: Pick<Row, 'agent' | 'run' | 'sequence'>, salt: Hex): Uint8Array =>
  createHash('sha256').update(`${salt}-${agent}-${run}-${sequence}`).digest()
const idOf = (kind: string, index: number, salt: Hex): Uint8Array =>
  createHash('md5').update(`${salt}${kind}${index}`).digest()

async function store(rows: readonly Row[], salt: Hex): Promise<void> {
  if (rows.length === 0) return
  const values = rows.map((row) => {
    const ids = [idOf('agent', row.agent, salt), idOf('run', row.run, salt)]
    const texts = [...ids, digestOf(row, salt)].map((bytes) => `unhex('${bytes.toHex()}')`)
    const [agent, run, digest] = texts
    return `(${agent}, ${run}, ${row.sequence}, ${digest}, unhex('${row.previous}'), '2026-0${row.month}-15 00:00:00')`
  })
  await client.command({
    query: `INSERT INTO ${engine.database}.batches (agent, run, sequence, digest, previous, last_time)
      VALUES ${values.join(', ')}`,
  })
}

/** A run of years: so long that its end is looked up in the index. */
async function storeLong(run: Pick<Row, 'agent' | 'run'>, length: number, salt: Hex): Promise<void> {
  const name = `${salt}-${run.agent}-${run.run}-`
  const [agent, id] = [idOf('agent', run.agent, salt), idOf('run', run.run, salt)]
  await client.command({
    query: `INSERT INTO ${engine.database}.batches (agent, run, sequence, digest, previous, last_time)
      SELECT unhex('${agent.toHex()}'), unhex('${id.toHex()}'), number + 1, SHA256(concat('${name}', toString(number + 1))),
        SHA256(concat('${name}', toString(number))), toDateTime64('2026-01-01 00:00:00', 3) + number * 300
      FROM numbers(${length})`,
  })
}

const AGENTS = 4
const RUNS = 3
const agents = Array.from({ length: AGENTS }, (_, agent) => agent)
const runs = Array.from({ length: RUNS }, (_, run) => run)

/** Everything that may be asked about the chains, and some that are not there. */
function questionsOf(salt: Hex, extra: readonly Row[]): (() => Promise<unknown>)[] {
  const pairs = agents.flatMap((agent) => runs.map((run) => ({ agent, run })))
  const places = [...pairs.flatMap((pair) => [1, 2, 9].map((sequence) => ({ ...pair, sequence }))), ...extra]
  return [
    ...agents.map((agent) => () => archive.hasAgent(idOf('agent', agent, salt))),
    ...pairs.map(
      ({ agent, run }) =>
        () =>
          archive.head(idOf('agent', agent, salt), idOf('run', run, salt)),
    ),
    ...places.flatMap((place) => {
      const [agent, run] = [idOf('agent', place.agent, salt), idOf('run', place.run, salt)]
      const digest = digestOf(place, salt)
      return [
        () => archive.digestAt(agent, run, BigInt(place.sequence)),
        () => archive.hasDigest(agent, digest),
        () => archive.successor(agent, digest),
        // The batch of another agent is not this one's.
        () => archive.hasDigest(idOf('agent', (place.agent + 1) % AGENTS, salt), digest),
      ]
    }),
  ]
}

function answersOf(rows: readonly Row[], salt: Hex, extra: readonly Row[]): unknown[] {
  const has = (place: Pick<Row, 'agent' | 'run' | 'sequence'>): Row | undefined =>
    rows.find(
      ({ agent, run, sequence }) => agent === place.agent && run === place.run && sequence === place.sequence,
    )
  const name = (row: Row | undefined): Hex | undefined => row && digestOf(row, salt).toHex()
  const pairs = agents.flatMap((agent) => runs.map((run) => ({ agent, run })))
  const places = [...pairs.flatMap((pair) => [1, 2, 9].map((sequence) => ({ ...pair, sequence }))), ...extra]
  const heads = pairs.map(({ agent, run }): Link | undefined => {
    const own = rows.filter((row) => row.agent === agent && row.run === run)
    const last = own.toSorted((a, b) => b.sequence - a.sequence)[0]
    return last && { sequence: BigInt(last.sequence), digest: digestOf(last, salt).toHex() }
  })
  return [
    ...agents.map((agent) => rows.some((row) => row.agent === agent)),
    ...heads,
    ...places.flatMap((place) => {
      const digest = digestOf(place, salt).toHex()
      const next = rows.find((row) => row.agent === place.agent && row.previous === digest)
      return [name(has(place)), has(place) !== undefined, name(next), false]
    }),
  ].map((value) => ok(value))
}

/** Runs of batches in one agent's chain, over months that need not ascend; some batches are missing. */
const chains = fc
  .record({
    cut: fc.array(fc.record({ agent: fc.nat(AGENTS - 2), run: fc.nat(RUNS - 1), length: fc.nat(5) }), {
      maxLength: 5,
    }),
    months: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 7 }),
    missing: fc.array(fc.nat(20), { maxLength: 4 }),
  })
  .map(({ cut, months, missing }) => (salt: Hex): Row[] => {
    const lengths = new Map(cut.map((part) => [`${part.agent} ${part.run}`, part]))
    const tips = new Map<number, Hex>()
    const rows = [...lengths.values()].flatMap(({ agent, run, length }) =>
      Array.from({ length }, (_, index): Row => {
        const row = { agent, run, sequence: index + 1, previous: tips.get(agent) ?? '' }
        tips.set(agent, digestOf(row, salt).toHex())
        return { ...row, month: months[(run + index) % months.length]! }
      }),
    )
    return rows.filter((_, index) => !missing.includes(index))
  })

let salts = 0

describe('questions about chains', () => {
  it('have the same answers together and one by one: those of the batches that are there', async () => {
    await fc.assert(
      fc.asyncProperty(chains, fc.nat(20), async (make, at) => {
        const salt = `s${salts++}`
        const rows = make(salt)
        const two = [rows.slice(0, at), rows.slice(at)]
        for (const part of two) await store(part, salt)
        const questions = questionsOf(salt, rows)
        const expected = answersOf(rows, salt, rows)
        expect(await Promise.all(questions.map((ask) => ask()))).toEqual(expected)
        const one = [...expected.keys()].filter((index) => index % 7 === at % 7)
        for (const index of one) expect(await questions[index]!()).toEqual(expected[index])
      }),
      { numRuns: 8 },
    )
  }, 120_000)

  it('and so have runs of years beside short ones, over months', async () => {
    const salt = 'long'
    await storeLong({ agent: 0, run: 0 }, 25_000, salt)
    await storeLong({ agent: 1, run: 0 }, 17_000, salt)
    const first = (of: Omit<Row, 'month' | 'previous'>, previous: Hex): Row => ({ ...of, month: 2, previous })
    // Later in the run, and in an older month: a clock was set back.
    const rows = [
      first(
        { agent: 1, run: 0, sequence: 17_001 },
        digestOf({ agent: 1, run: 0, sequence: 17_000 }, salt).toHex(),
      ),
      first(
        { agent: 1, run: 1, sequence: 1 },
        digestOf({ agent: 1, run: 0, sequence: 17_001 }, salt).toHex(),
      ),
      first({ agent: 2, run: 0, sequence: 1 }, ''),
    ]
    await store(rows, salt)
    const ask = (agent: number, run: number): ReturnType<Archive['head']> =>
      archive.head(idOf('agent', agent, salt), idOf('run', run, salt))
    const heads = await Promise.all([ask(0, 0), ask(1, 0), ask(1, 1), ask(2, 0), ask(2, 1)])
    expect(heads.map((answer) => unwrap(answer)?.sequence)).toEqual([25_000n, 17_001n, 1n, 1n, undefined])
    const marks = [
      { agent: 0, run: 0, sequence: 3 },
      { agent: 0, run: 0, sequence: 25_000 },
      { agent: 1, run: 0, sequence: 16_999 },
      { agent: 1, run: 0, sequence: 17_001 },
      { agent: 2, run: 0, sequence: 1 },
    ]
    const follow = await Promise.all(
      marks.map((mark) => archive.successor(idOf('agent', mark.agent, salt), digestOf(mark, salt))),
    )
    expect(follow.map((answer) => unwrap(answer))).toEqual([
      digestOf({ agent: 0, run: 0, sequence: 4 }, salt).toHex(),
      undefined,
      digestOf({ agent: 1, run: 0, sequence: 17_000 }, salt).toHex(),
      digestOf({ agent: 1, run: 1, sequence: 1 }, salt).toHex(),
      undefined,
    ])
    const known = await Promise.all(
      [...marks, { agent: 0, run: 0, sequence: 25_001 }].map((mark) =>
        archive.hasDigest(idOf('agent', mark.agent, salt), digestOf(mark, salt)),
      ),
    )
    expect(known.map((answer) => unwrap(answer))).toEqual([true, true, true, true, true, false])
  }, 60_000)

  it('a hint that no batch bears out any more is not believed', async () => {
    const salt = 'hint'
    await store([{ agent: 0, run: 0, sequence: 4, month: 1, previous: '' }], salt)
    const [agent, run] = [idOf('agent', 0, salt), idOf('run', 0, salt)]
    const asked: string[] = []
    const { head } = createChains({
      database: engine.database,
      topology: ONE_NODE,
      guarded: async (work) => ok(await work()),
      query: async <T>(query: string) => {
        asked.push(query)
        const hint = [{ shard: '', shards: 1, replicas: 1, found: [[agent.toHex(), run.toHex(), '900']] }]
        return query.includes('mergeTreeIndex')
          ? (hint as T[])
          : (await reader.query({ query, format: 'JSONEachRow' })).json<T>()
      },
    })
    const place = { agent: 0, run: 0, sequence: 4 }
    expect(await head(agent, run)).toEqual(ok({ sequence: 4n, digest: digestOf(place, salt).toHex() }))
    expect(asked.some((query) => query.includes('sequence >= 900'))).toBe(true)
  })

  it('a question that comes while another is under way sees what was stored before it', async () => {
    const salt = 'fresh'
    const [agent, run] = [idOf('agent', 0, salt), idOf('run', 0, salt)]
    let previous = ''
    const early: Promise<unknown>[] = []
    for (let sequence = 1; sequence <= 5; sequence++) {
      early.push(archive.head(agent, run), archive.hasAgent(agent))
      await store([{ agent: 0, run: 0, sequence, month: 1, previous }], salt)
      const digest = digestOf({ agent: 0, run: 0, sequence }, salt)
      const next = archive.successor(agent, Uint8Array.fromHex(previous === '' ? digest.toHex() : previous))
      const late = await Promise.all([
        archive.head(agent, run),
        archive.hasAgent(agent),
        archive.hasDigest(agent, digest),
        archive.digestAt(agent, run, BigInt(sequence)),
      ])
      const name = digest.toHex()
      expect(late).toEqual([ok({ sequence: BigInt(sequence), digest: name }), ok(true), ok(true), ok(name)])
      expect(await next).toEqual(ok(previous === '' ? undefined : name))
      previous = name
    }
    await Promise.all(early)
  })

  it('a fault of the store reaches everybody who asked, and the next question is asked again', async () => {
    let broken = true
    const failing = new Proxy(reader, {
      get: (target, name) => {
        if (name !== 'query') return Reflect.get(target, name) as unknown
        return async (...asked: Parameters<ClickHouseClient['query']>) => {
          if (broken) throw new Error('Code: 210. the server is away')
          return target.query(...asked)
        }
      },
    })
    const other = archiveOn(engine.database, writer, failing)
    const ids = [1, 2, 3].map((index) => idOf('agent', index, 'fault'))
    const all = (): Promise<readonly { readonly ok: boolean }[]> =>
      Promise.all(
        ids.flatMap((id) => [
          other.head(id, id),
          other.hasAgent(id),
          other.hasDigest(id, digestOf({ agent: 0, run: 0, sequence: 0 }, '')),
          other.successor(id, digestOf({ agent: 0, run: 0, sequence: 0 }, '')),
          other.digestAt(id, id, 1n),
        ]),
      )
    for (const answer of await all()) expect(answer).toMatchObject({ fault: { code: 'STORE_UNAVAILABLE' } })
    broken = false
    expect((await all()).every((answer) => answer.ok)).toBe(true)
  })
})
