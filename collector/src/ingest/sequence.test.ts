import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { judge } from './sequence.ts'
import type { Claim, Facts } from './sequence.ts'

const last = { sequence: 5n, digest: 'd5' }
const facts: Facts = { last, taken: undefined, successor: undefined, rooted: false }
const claim: Claim = { sequence: 6n, digest: 'd6', previous: 'd5' }

describe('the place of a batch in the chain', () => {
  it.each<[string, Partial<Claim>, Partial<Facts>, string]>([
    ['another batch under a taken sequence', { sequence: 4n, digest: 'x' }, { taken: 'd4' }, 'fork'],
    ['a sequence before the last that nothing is known of', { sequence: 4n }, {}, 'fork'],
    ['the same run going on after another one continued it', {}, { successor: 'other' }, 'fork'],
    [
      'a new run from where another went on',
      { sequence: 1n },
      { last: undefined, rooted: true, successor: 'other' },
      'fork',
    ],
    ['one left out', { sequence: 7n }, {}, 'gap'],
    ['a new run that starts in the middle', { sequence: 2n }, { last: undefined, rooted: true }, 'gap'],
    ['another predecessor', { previous: 'x' }, {}, 'broken'],
    ['a new run before the end of the one before', { sequence: 1n }, { last: undefined }, 'unrooted'],
    [
      'a new run of a known agent that continues nothing',
      { sequence: 1n, previous: '' },
      { last: undefined },
      'broken',
    ],
    ['the last again', { sequence: 5n, digest: 'd5' }, { taken: 'd5' }, 'duplicate'],
    ['an old one again', { sequence: 2n, digest: 'd2' }, { taken: 'd2' }, 'duplicate'],
    ['the first batch of a run', { sequence: 1n }, { last: undefined, rooted: true }, 'next'],
    ['the following batch', {}, {}, 'next'],
  ])('%s', (_, changedClaim, changedFacts, kind) => {
    expect(judge({ ...claim, ...changedClaim }, { ...facts, ...changedFacts }).kind).toBe(kind)
  })

  it('takes each batch of a chain once, in order, whatever is sent in between', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 1n, max: 12n }), { maxLength: 60 }), (sent) => {
        const taken: bigint[] = []
        for (const sequence of sent) {
          const head =
            taken.length === 0 ? undefined : { sequence: BigInt(taken.length), digest: `d${taken.length}` }
          const known: Facts = {
            last: head,
            taken: taken.includes(sequence) ? `d${sequence}` : undefined,
            successor: undefined,
            rooted: true,
          }
          const verdict = judge({ sequence, digest: `d${sequence}`, previous: `d${sequence - 1n}` }, known)
          if (verdict.kind === 'next') taken.push(sequence)
          else expect(verdict.kind).toBe(taken.includes(sequence) ? 'duplicate' : 'gap')
        }
        expect(taken).toEqual(taken.map((_, index) => BigInt(index + 1)))
      }),
    )
  })
})
