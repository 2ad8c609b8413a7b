import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { AdmittedBatch } from '../ports.ts'
import { levelsOf } from './levels.ts'

interface Sample {
  readonly agent: number
  readonly month: number
}

const lastMs = ({ wallMs }: AdmittedBatch): number => wallMs
const monthOf = (batch: AdmittedBatch): number => new Date(batch.wallMs).getUTCMonth()

/** Only what the cut looks at. */
function batchOf({ agent, month }: Sample, index: number): AdmittedBatch {
  const fields = {
    agentId: Uint8Array.of(agent),
    wallMs: Date.UTC(2026, month, 1 + (index % 28)),
    sequence: BigInt(index),
  }
  return fields as AdmittedBatch
}

it('every insert is of one month, and those of an agent follow its chain', () => {
  const samples = fc.array(fc.record({ agent: fc.nat(3), month: fc.nat(2) }), { maxLength: 40 })
  fc.assert(
    fc.property(samples, (given) => {
      const batches = given.map((sample, index) => batchOf(sample, index))
      const inserts = levelsOf(batches, lastMs)
      for (const insert of inserts) expect(new Set(insert.map((batch) => monthOf(batch))).size).toBe(1)
      const order = inserts.flat()
      expect(order).toHaveLength(batches.length)
      for (let agent = 0; agent < 4; agent++) {
        const own = (all: readonly AdmittedBatch[]) => all.filter(({ agentId }) => agentId[0] === agent)
        expect(own(order)).toEqual(own(batches))
      }
    }),
  )
})

it('batches of one month are one insert', () => {
  const batches = Array.from({ length: 100 }, (_, index) => batchOf({ agent: index % 7, month: 4 }, index))
  expect(levelsOf(batches, lastMs)).toEqual([batches])
})
