import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { writeState, readState } from './kept-state.ts'
import type { KeptState } from './kept-state.ts'
import { endOfLife, endToldOf, lifeOfStart, networkAbsence, opensAtZero, pauseOf } from './life.ts'
import { isEmptied, isOwnParent, parseBlkio, parseGroupPaths, parseIoStat } from './parse-groups.ts'
import { endChild, newResidual, openingCpu, takeResidual } from './residual.ts'
import { elapsedMs, isSameLife, watchedLife } from './watched-life.ts'

const at = (ms: number, wallMs = ms) => ({ wallMs, monotonicMs: ms, boottimeMs: ms })

describe('the files of control groups', () => {
  it('H4: a process names its group under each controller, v2 without one', () => {
    const both = parseGroupPaths('8:cpu,cpuacct:/docker/ab\n1:name=systemd:/x\n0::/docker/ab\n')
    expect(both.get('cpuacct')).toBe('/docker/ab')
    expect(both.get('')).toBe('/docker/ab')
    expect(parseGroupPaths('0::/../../system.slice/docker-ab.scope\n').get('')).toBe(
      '/system.slice/docker-ab.scope',
    )
  })

  it.each([
    ['8:0 Read 10\n8:0 Write 20\n8:0 Sync 3\n8:0 Total 30\n9:0 Read 5\nTotal 30\n', 15n, 20n],
    ['8:0 read 10\n8:0 write 20\n', 10n, 20n],
    ['8:0 Read\n8:0 Write 7\n', 0n, 7n],
    ['Total 0\n', 0n, 0n],
  ])('H6: operations of v1 are written either way, and a missing value is 0: %j', (text, read, written) => {
    expect(parseBlkio(text)).toEqual({ read, written })
  })

  it.each([
    ['8:0 rbytes=10 wbytes=20 rios=1 wios=1 dbytes=9 dios=0\n9:0 rbytes=1 wbytes=2\n', 11n, 22n],
    ['', 0n, 0n],
    ['8:0 \n', 0n, 0n],
  ])('H6: v2 has one line a device, and none is 0: %j', (text, read, written) => {
    expect(parseIoStat(text)).toEqual({ read, written })
  })

  it.each([
    ['/docker', true],
    ['/containers.slice', true],
    ['/system.slice', false],
    ['/machine.slice', false],
    ['/', false],
  ])('%s has nothing but containers: %s', (path, own) => {
    expect(isOwnParent(path)).toBe(own)
  })

  it('a group is emptied when no process is left', () => {
    expect([isEmptied('populated 0\nfrozen 0\n'), isEmptied('populated 1\n')]).toEqual([true, false])
  })
})

describe('lives', () => {
  const facts = { startedAt: 'S', startedMs: 1000 }

  it.each([
    [1002, facts, { life: 'S', startedMs: 1000 }],
    [900, facts, { life: 'event 900', startedMs: 900 }],
    [9000, facts, { life: 'event 9000', startedMs: 9000 }],
    [1002, undefined, { life: 'event 1002', startedMs: 1002 }],
  ])('H10: a start at %s is of the life that the engine names, or of an earlier one', (ms, known, life) => {
    expect(lifeOfStart(ms, known)).toEqual(life)
  })

  it('a start told again is no other life', () => {
    const known = watchedLife({ life: 'S', startedMs: 1000 }, at(2000), { fromZero: true, confirmed: true })
    expect(isSameLife(known, { life: 'S', startedMs: 1000 })).toBe(true)
    expect(isSameLife(known, { life: 'event 1003', startedMs: 1003 })).toBe(true)
    expect(isSameLife(known, { life: 'T', startedMs: 7000 })).toBe(false)
    expect(isSameLife({ ...known, ended: at(1500) }, { life: 'event 1600', startedMs: 1600 })).toBe(false)
  })

  it('a life begins at zero only after a look', () => {
    expect([opensAtZero(5, undefined), opensAtZero(5, 6), opensAtZero(6, 6)]).toEqual([false, false, true])
  })

  it.each([
    [undefined, 50],
    [{ finishedMs: undefined, startedMs: 10, running: true }, 50],
    [{ finishedMs: 5, startedMs: 10, running: false }, 50],
    [{ finishedMs: 70, startedMs: 10, running: false }, 70],
    [{ finishedMs: 70, startedMs: 90, running: true }, 70],
  ])('an end nobody told of is where the engine has it, or where it was seen last: %j', (known, endMs) => {
    expect(endOfLife({ life: 'S', startedMs: 10 }, 50, known)).toBe(endMs)
  })

  it.each([
    ['nothing better is known', [undefined, undefined], 90],
    ['the engine has it', [40, 50], 40],
    ['only its group was seen to empty', [undefined, 50], 50],
    ['the engine has the end of a life before', [9, 50], 50],
    ['the engine has the end of a life after', [95, undefined], 90],
  ])('an end of which an event tells, where %s', (_, better, endMs) => {
    expect(endToldOf({ life: 'S', startedMs: 10 }, 90, better)).toBe(endMs)
  })

  it.each(['host', 'none', 'container:ab'])('H8: a container on %s has no octets, which is not 0', (mode) => {
    expect(networkAbsence(mode)).toMatch(/octets/)
  })

  it.each(['default', 'bridge', 'my-network', ''])('H8: a container on %j has octets', (mode) => {
    expect(networkAbsence(mode)).toBeUndefined()
  })

  it('the time between is by the wall clock unless that was set', () => {
    expect(elapsedMs(at(0), at(1010, 1004))).toBe(1004)
    expect(elapsedMs(at(0), at(1010, 9000))).toBe(1010)
    expect(elapsedMs(at(0), at(1010, -9000))).toBe(1010)
  })

  it('H9: a young container is read often, an old one once a second at least', () => {
    expect([0, 1000, 5000, 1e9].map(pauseOf)).toEqual([20, 20, 100, 1000])
  })
})

describe('what no container was seen to spend', () => {
  /** Growth of the parent's own part and of each child, and what of it is seen, nanoseconds. */
  const step = fc.record({
    own: fc.bigInt(0n, 3_000_000n),
    children: fc.array(fc.bigInt(0n, 5_000_000n), { minLength: 3, maxLength: 3 }),
    late: fc.array(fc.bigInt(0n, 2_000_000n), { minLength: 3, maxLength: 3 }),
  })

  it('never falls, and with the containers it is the parent once they have ended', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1 }), fc.array(fc.nat(30), { maxLength: 3 }), (steps, ends) => {
        const cpu = [0n, 0n, 0n]
        const living = new Set([0, 1, 2])
        let parentNs = 0n
        let state = newResidual('/docker')
        let before = 0n
        const look = (late: readonly bigint[]) => {
          const readFirst = parentNs
          for (const index of living) {
            cpu[index]! += late[index]!
            parentNs += late[index]!
          }
          const taken = takeResidual(
            state,
            readFirst,
            [...living].map((index) => cpu[index]!),
          )
          state = taken.state
          expect(taken.cpu.unattributedMs).toBeGreaterThanOrEqual(before)
          before = taken.cpu.unattributedMs
          return taken.cpu
        }
        const end = (index: number): void => {
          if (living.delete(index)) state = endChild(state, cpu[index]!)
        }
        for (const [number, { own, children, late }] of steps.entries()) {
          parentNs += own
          for (const index of living) {
            cpu[index]! += children[index]!
            parentNs += children[index]!
          }
          if (ends.includes(number)) end(number % 3)
          look(late)
        }
        for (const index of [0, 1, 2]) end(index)
        const { usedMs, unattributedMs } = look([])
        const containers = cpu.reduce((sum, each) => sum + each / 1_000_000n, 0n)
        expect(containers + unattributedMs).toBe(usedMs)
      }),
    )
  })

  it('begins anew with a parent whose counter fell', () => {
    const first = takeResidual(newResidual('/docker'), 9_000_000n, [2_000_000n]).state
    const { state, cpu } = takeResidual(endChild(first, 2_000_000n), 4_000_000n, [1_000_000n])
    expect([state.life, state.endedMs, cpu.unattributedMs]).toEqual([1, 0n, 3n])
  })

  it('is as large before the first container as after it', () => {
    const { state, cpu } = takeResidual(newResidual('/docker'), 9_000_000n, [2_000_000n, 3_000_000n])
    const opening = openingCpu(state, 3n)
    expect(opening).toEqual({ usedMs: 7n, unattributedMs: 4n })
    expect(cpu).toEqual({ usedMs: 9n, unattributedMs: 4n })
  })
})

it('what is kept is read again, whatever a label says', () => {
  const state: KeptState = {
    sinceMs: 1,
    lookMs: 2,
    residual: { parent: '/docker', life: 0, parentNs: 2n ** 63n, endedMs: 4n, residualMs: 0n },
    containers: [
      {
        id: 'ab',
        life: 'S',
        startedMs: 1,
        startedBoottimeMs: 1,
        seenMs: 2,
        counters: { cpuNs: 5n },
        description: { name: 'a', image: 'b', labels: { cpuNs: '7n', read: '7' } },
      },
    ],
  }
  expect(readState(writeState(state))).toEqual(state)
  expect([readState(undefined), readState('{')]).toEqual([undefined, undefined])
})
