import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LossReason, RegisterKind, SignedBatchSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { pagesOf, statesOf } from '../testing/registers.ts'
import { openDatabase } from './database.ts'
import { openSpool } from './spool.ts'
import type { Sealed, Spool } from './spool.ts'

const NOW_MS = 1_800_000_000_000
const LIMITS = { bytesMax: 100_000, ageMaxMs: 60_000 }
const RUN = new Uint8Array(16).fill(7)

let directory = ''
const open: Spool[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-spool-'))
})
afterEach(() => {
  for (const spool of open.splice(0)) spool.close()
  rmSync(directory, { recursive: true })
})

const STATE = {
  life: 2n ** 63n + 1n,
  epoch: NOW_MS - 5000,
  timeMs: NOW_MS,
  boottimeMs: 123,
  register: 2n ** 64n - 1n,
  remainder: 2n ** 40n,
  level: 5n,
  monotonicMs: 99,
  look: 4,
}

const file = (): string => join(directory, 'spool.sqlite')

function opened(limits = LIMITS): Spool {
  const spool = unwrap(openSpool(file(), limits, NOW_MS))
  open.push(spool)
  return spool
}

function closed(spool: Spool): void {
  open.splice(open.indexOf(spool), 1)
  spool.close()
}

function sealed(sequence: number, over: Partial<Sealed> & { readonly bytes?: number } = {}): Sealed {
  const id = new Uint8Array(16).fill(1)
  return {
    runId: RUN,
    sequence: BigInt(sequence),
    sealedMs: NOW_MS,
    digest: new Uint8Array(32).fill(sequence),
    signed: create(SignedBatchSchema, { body: new Uint8Array(over.bytes ?? 1000).fill(sequence) }),
    registers: pagesOf({ id, state: STATE }),
    declared: [
      { id, resource: 'host:a', meter: 'host.uptime', unit: 's', kind: RegisterKind.COUNTER, attributes: {} },
    ],
    ended: [],
    facts: new Map(),
    final: false,
    ...over,
  }
}

describe('a spool', () => {
  it('gives back exactly what was kept, after a restart too', () => {
    const before = opened()
    expect(before.lastDigest()).toEqual(new Uint8Array())
    for (const sequence of [1, 2, 3]) unwrap(before.append(sealed(sequence)))
    closed(before)
    const spool = opened()
    expect(spool.batches(RUN, 1n, 10).map(({ sequence, signed }) => [sequence, signed.body[0]])).toEqual([
      [2n, 2],
      [3n, 3],
    ])
    expect(statesOf(spool.registerPages()).map(({ state }) => state)).toEqual([
      { ...STATE, level: 0n, monotonicMs: 0, look: 0 },
    ])
    expect(new Uint8Array(spool.lastDigest())).toEqual(new Uint8Array(32).fill(3))
    expect(spool.definitions(0, 10)).toMatchObject([{ definition: { resource: 'host:a' } }])
    expect(spool.definitions(spool.definitions(0, 10)[0]?.order ?? 0, 10)).toEqual([])
    expect(spool.usage().batches).toBe(3)
  })

  it('forgets only what is released', () => {
    const spool = opened()
    for (const sequence of [1, 2, 3]) unwrap(spool.append(sealed(sequence)))
    spool.release(RUN, 2n)
    expect(spool.batches(RUN, 0n, 10).map(({ sequence }) => sequence)).toEqual([3n])
    spool.release(RUN, 3n)
    expect(spool.usage()).toEqual({ batches: 0, bytes: 0 })
    expect(spool.oldestRun()).toBeUndefined()
  })

  it('moves a changed definition behind the others', () => {
    const spool = opened()
    unwrap(spool.append(sealed(1)))
    const first = spool.definitions(0, 10)[0]?.order ?? 0
    const [declaration] = sealed(2).declared
    const declared = declaration === undefined ? [] : [{ ...declaration, attributes: { zone: 'b' } }]
    unwrap(spool.append(sealed(2, { declared })))
    expect(spool.definitions(first, 10)).toMatchObject([{ definition: { attributes: { zone: 'b' } } }])
    expect(spool.definitions(0, 10)).toHaveLength(1)
  })
})

describe('a spool refuses', () => {
  it('a second process', () => {
    opened()
    expect(openSpool(file(), LIMITS, NOW_MS)).toMatchObject({ fault: { code: 'DATA_DIRECTORY_LOCKED' } })
  })

  it('a newer version, untouched', () => {
    closed(opened())
    const db = new DatabaseSync(file())
    db.exec('PRAGMA user_version = 99')
    db.close()
    expect(openSpool(file(), LIMITS, NOW_MS)).toMatchObject({ fault: { code: 'DATA_DIRECTORY_NEWER' } })
    expect(readdirSync(directory).filter((name) => name.includes('corrupt'))).toEqual([])
  })

  it('a directory that is not there', () => {
    const path = join(directory, 'absent', 'spool.sqlite')
    expect(openSpool(path, LIMITS, NOW_MS)).toMatchObject({ fault: { code: 'DATA_DIRECTORY_UNWRITABLE' } })
  })

  it('batches beyond its bound in octets, but for the last of an orderly stop', () => {
    const spool = opened()
    unwrap(spool.append(sealed(1, { bytes: 99_000 })))
    expect(spool.append(sealed(2))).toMatchObject({ fault: { code: 'SPOOL_FULL' } })
    expect(spool.batches(RUN, 1n, 10)).toEqual([])
    expect(new Uint8Array(spool.lastDigest())).toEqual(new Uint8Array(32).fill(1))
    expect(spool.append(sealed(2, { final: true }))).toMatchObject({ ok: true })
  })

  it('batches beyond its bound in age', () => {
    const spool = opened()
    unwrap(spool.append(sealed(1)))
    const late = sealed(2, { sealedMs: NOW_MS + LIMITS.ageMaxMs + 1 })
    expect(spool.append(late)).toMatchObject({ fault: { code: 'SPOOL_FULL' } })
  })
})

describe('a full disk', () => {
  it('is a fault that leaves everything as it was', () => {
    const db = unwrap(openDatabase(file(), 4096, NOW_MS))
    const insert = (bytes: number): void =>
      void db.run("INSERT INTO meta (key, value) VALUES ('a', ?)", new Uint8Array(bytes))
    expect(db.transaction(() => insert(10 ** 7))).toMatchObject({ fault: { code: 'DISK_FULL' } })
    expect(db.all('SELECT * FROM meta')).toEqual([])
    expect(db.transaction(() => insert(10))).toMatchObject({ ok: true })
    db.close()
  })

  it('keeps what a receipt covers until there is room, and the facts of before', () => {
    const spool = opened()
    for (const sequence of [1, 2]) unwrap(spool.append(sealed(sequence)))
    unwrap(spool.setMeta('policy', Uint8Array.of(1)))
    const full = vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementationOnce(() => {
      throw Object.assign(new Error('database or disk is full'), { errcode: 13 })
    })
    expect(spool.release(RUN, 1n)).toMatchObject({ fault: { code: 'DISK_FULL' } })
    expect(spool.usage().batches).toBe(2)
    full.mockImplementationOnce(() => {
      throw Object.assign(new Error('disk I/O error'), { errcode: 10 })
    })
    expect(spool.setMeta('policy', Uint8Array.of(2))).toMatchObject({ fault: { code: 'DISK_FULL' } })
    full.mockRestore()
    expect(spool.meta('policy')).toEqual(Uint8Array.of(1))
    unwrap(spool.release(RUN, 2n))
    expect(spool.usage()).toEqual({ batches: 0, bytes: 0 })
  })
})

describe('a damaged spool', () => {
  it.each([
    ['garbage', () => writeFileSync(file(), 'not a database at all, not even nearly'.repeat(500))],
    [
      'damaged pages',
      () => {
        const spool = opened({ ...LIMITS, bytesMax: 10 ** 6 })
        for (let sequence = 1; sequence <= 40; sequence += 1) unwrap(spool.append(sealed(sequence)))
        closed(spool)
        const db = new DatabaseSync(file())
        db.exec('PRAGMA journal_mode = DELETE')
        db.close()
        const hole = new Uint8Array(4096 * 3).fill(0xa5)
        writeFileSync(file(), hole, { flag: 'r+' })
      },
    ],
  ])('of %s is set aside and declared lost', (_, damage) => {
    damage()
    const spool = opened()
    expect(spool.registerPages()).toEqual([])
    expect(spool.losses).toMatchObject([
      { toMs: BigInt(NOW_MS), readings: 0n, reason: LossReason.SPOOL_CORRUPT },
    ])
    expect(readdirSync(directory)).toContain(`spool.sqlite.corrupt-${NOW_MS}`)
    unwrap(spool.append(sealed(1)))
    closed(spool)
    expect(opened().losses).toEqual([])
  })
})
