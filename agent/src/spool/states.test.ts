import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import { lifeOf } from '../reading/meter-book.ts'
import { statesOf } from '../testing/registers.ts'
import { rowSum } from './rows.ts'
import { SPOOL_ENDED, SPOOL_SCHEMA, SPOOL_SUMS } from './schema.ts'
import { openSpool } from './spool.ts'

const NOW_MS = 1_800_000_000_000
const LIMITS = { bytesMax: 100_000, ageMaxMs: 60_000 }
const LIFE = `${'ab'.repeat(16)} 42`

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-states-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

/** Ids are outcomes of a hash. */
function idOf(index: number): Uint8Array {
  return sha256(Buffer.from(`${index}`)).slice(0, 16)
}

/** A spool as a version before wrote it, with a register of each of the values; those in `flipped` are not what was written. */
function oldSpool(version: 1 | 2 | 3, registers: readonly string[], flipped: readonly string[] = []): string {
  const path = join(directory, `version-${version}.sqlite`)
  const db = new DatabaseSync(path)
  db.exec(
    `${[SPOOL_SCHEMA, SPOOL_SUMS, SPOOL_ENDED].slice(0, version).join(' ')} PRAGMA user_version = ${version}`,
  )
  db.exec('BEGIN')
  for (const [index, register] of registers.entries()) {
    const values = [idOf(index), LIFE, NOW_MS - 9, NOW_MS - 1, 77, register, '5'] as const
    const columns = 'stream, life, epoch, time_ms, boottime_ms, register, remainder'
    if (version === 1)
      db.prepare(`INSERT INTO states (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?)`).run(...values)
    else {
      const sum = flipped.includes(register) ? new Uint8Array(32) : rowSum(...values)
      db.prepare(`INSERT INTO states (${columns}, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`).run(...values, sum)
    }
  }
  db.exec('COMMIT')
  db.close()
  return path
}

describe('registers of a spool that an earlier version wrote', () => {
  it.each([1, 2, 3] as const)('are taken over from version %i, once', (version) => {
    const path = oldSpool(version, ['0', '18446744073709551615'])
    for (let start = 0; start < 2; start += 1) {
      const spool = unwrap(openSpool(path, LIMITS, NOW_MS))
      const register = { epoch: NOW_MS - 9, timeMs: NOW_MS - 1, boottimeMs: 77, remainder: 5n }
      const fresh = { level: 0n, monotonicMs: 0, look: 0 }
      expect(statesOf(spool.registerPages())).toEqual(
        [0n, 2n ** 64n - 1n].map((value, index) => ({
          id: idOf(index),
          state: { ...register, ...fresh, life: lifeOf(LIFE), register: value },
        })),
      )
      expect(spool.losses).toEqual([])
      spool.close()
    }
  })

  it('fill several pages', () => {
    const values = Array.from({ length: 250 }, (_, index) => `${index}`)
    const spool = unwrap(openSpool(oldSpool(2, values), LIMITS, NOW_MS))
    expect(spool.registerPages()).toHaveLength(Math.ceil(250 / 45))
    expect(
      statesOf(spool.registerPages())
        .map(({ state }) => `${state.register}`)
        .toSorted(),
    ).toEqual(values.toSorted())
    spool.close()
  })

  it('stay as they are where there is no room, until there is', () => {
    const values = Array.from({ length: 6000 }, (_, index) => `${index}`)
    const path = oldSpool(3, values)
    expect(openSpool(path, { ...LIMITS, bytesMax: 1 }, NOW_MS)).toMatchObject({
      fault: { code: 'DISK_FULL' },
    })
    const spool = unwrap(openSpool(path, { ...LIMITS, bytesMax: 10_000_000 }, NOW_MS))
    expect(statesOf(spool.registerPages())).toHaveLength(values.length)
    expect(spool.losses).toEqual([])
    spool.close()
  })

  it.each(['18446744073709551616', '-1', '12x', ''])('are left out where one reads "%s"', (register) => {
    const spool = unwrap(openSpool(oldSpool(1, ['1', register, '3']), LIMITS, NOW_MS))
    expect(statesOf(spool.registerPages()).map(({ state }) => state.register)).toEqual([1n, 3n])
    spool.close()
  })

  it('are left out where they are not what was written', () => {
    const spool = unwrap(openSpool(oldSpool(3, ['1', '2', '3'], ['2']), LIMITS, NOW_MS))
    expect(statesOf(spool.registerPages()).map(({ state }) => state.register)).toEqual([1n, 3n])
    spool.close()
  })
})
