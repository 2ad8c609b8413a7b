import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RegisterFile } from './register-file.ts'
import type { RegisterPage } from './register-file.ts'
import type { Register } from './register.ts'
import { stateOf } from '../testing/registers.ts'

const STREAMS = 200

/** Ids as hashes are, and some that begin alike, as hashes hardly ever do. */
function idOf(stream: number): Uint8Array {
  const id = new Uint8Array(createHash('sha256').update(`${stream}`).digest()).slice(0, 16)
  if (stream % 3 === 0) id.fill(7, 0, 4)
  return id
}

const time = fc.integer({ min: 1, max: 2 ** 50 })
const number64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const state: fc.Arbitrary<Register> = fc.record({
  life: number64,
  epoch: time,
  timeMs: time,
  boottimeMs: time,
  register: number64,
  remainder: fc.bigInt({ min: 0n, max: 2n ** 31n }),
  level: number64,
  monotonicMs: time,
  look: fc.nat(),
})

type Step =
  | { readonly kind: 'put'; readonly stream: number; readonly state: Register }
  | { readonly kind: 'end'; readonly stream: number }
  | { readonly kind: 'settle' }
  | { readonly kind: 'restart' }

const stream = fc.nat({ max: STREAMS - 1 })
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('put'), stream, state }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('end'), stream }) },
    fc.record({ kind: fc.constant('settle') }),
    fc.record({ kind: fc.constant('restart') }),
  ),
  { maxLength: 300, size: 'max' },
)

/** What holds beyond the process. */
const kept = (one: Register): Register => ({ ...one, level: 0n, monotonicMs: 0, look: 0 })

const ONE: Register = {
  life: 1n,
  epoch: 1,
  timeMs: 1,
  boottimeMs: 1,
  register: 1n,
  remainder: 0n,
  level: 0n,
  monotonicMs: 1,
  look: 1,
}

describe('a file of registers', () => {
  it('holds what was put last under each id, and after a restart what was settled', () => {
    fc.assert(
      fc.property(steps, (given) => {
        let file = new RegisterFile()
        const disk = new Map<number, Uint8Array>()
        let [now, settled] = [new Map<number, Register>(), new Map<number, Register>()]
        for (const step of given) {
          if (step.kind === 'put') {
            const id = idOf(step.stream)
            file.put(file.find(id) ?? file.add(id), step.state)
            now.set(step.stream, step.state)
          } else if (step.kind === 'end') {
            const number = file.find(idOf(step.stream))
            if (number !== undefined) file.end(number)
            now.delete(step.stream)
          } else if (step.kind === 'settle') {
            for (const { bytes, number } of file.changed()) disk.set(number, bytes.slice())
            file.settle()
            expect(file.changed()).toEqual([])
            settled = new Map(now)
          } else {
            file = new RegisterFile([...disk].map(([number, bytes]): RegisterPage => ({ number, bytes })))
            now = new Map([...settled].map(([each, one]) => [each, kept(one)]))
            settled = new Map(now)
          }
          const numbers = new Set<number>()
          for (const [each, one] of now) {
            const number = file.find(idOf(each))!
            expect(stateOf(file, number)).toEqual(one)
            expect(file.id(number)).toEqual(idOf(each))
            numbers.add(number)
          }
          expect(numbers.size).toBe(now.size)
        }
        expect([...file.registers()]).toHaveLength(now.size)
      }),
      { numRuns: 60 },
    )
  })

  it('gives the number of a stream that ended to no other until that is settled', () => {
    const file = new RegisterFile()
    const number = file.add(idOf(1))
    file.put(number, ONE)
    file.end(number)
    expect([stateOf(file, number), file.id(number)]).toEqual([undefined, idOf(1)])
    expect(file.add(idOf(2))).not.toBe(number)
    file.settle()
    expect(file.find(idOf(1))).toBeUndefined()
    expect(file.add(idOf(3))).toBe(number)
  })

  it('takes over the register of another stream', () => {
    const file = new RegisterFile()
    const [from, to] = [file.add(idOf(1)), file.add(idOf(2))]
    file.put(from, ONE)
    file.put(to, file.register(from)!)
    expect([stateOf(file, from), stateOf(file, to)]).toEqual([ONE, ONE])
  })

  it('numbers streams in the order in which they come, so that those of a look share pages', () => {
    const file = new RegisterFile()
    expect([1, 2, 3].map((each) => file.add(idOf(each)))).toEqual([0, 1, 2])
  })

  it('takes no page of another size', () => {
    expect([...new RegisterFile([{ number: 3, bytes: new Uint8Array(10) }]).registers()]).toEqual([])
  })

  it('uses the room of a page that is missing', () => {
    const file = new RegisterFile()
    let count = 0
    const fill = (pages: number): number => {
      for (; file.changed().length <= pages; count += 1) file.put(file.add(idOf(count)), ONE)
      return count - 1
    }
    const [page, all] = [fill(1), fill(3)]
    expect(all).toBe(3 * page)
    const [first, , third] = file.changed()
    const again = new RegisterFile([first!, third!])
    expect([...again.registers()]).toHaveLength(2 * page)
    const numbers = Array.from({ length: page + 1 }, (_, each) => again.add(idOf(1000 + each)))
    expect(numbers).toEqual([...Array.from({ length: page }, (_, each) => page + each), 3 * page])
  })
})
