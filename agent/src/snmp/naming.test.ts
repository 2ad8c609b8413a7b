import { afterEach, expect, it } from 'vitest'
import { Rig, row } from './testing/rig.ts'
import type { Row } from './testing/responder.ts'

const rigs: Rig[] = []
afterEach(() => Promise.all(rigs.splice(0).map((rig) => rig.close())))

function rigOf(rows: Readonly<Record<number, Row>>): Rig {
  const rig = new Rig()
  rigs.push(rig)
  for (const [index, each] of Object.entries(rows)) rig.responder.rows.set(Number(index), each)
  return rig
}

it('S7: interfaces are followed by name when their indices change', async () => {
  const rig = rigOf({ 1: row('a', 1000n), 2: row('b', 50_000n) })
  await rig.poll()
  rig.pass(60_000).responder.rows = new Map([
    [1, row('b', 50_010n)],
    [7, row('a', 1100n)],
  ])
  await rig.poll()
  expect([rig.usage('a'), rig.usage('b')]).toEqual([100n, 10n])
  expect([rig.flags('a'), rig.flags('b')]).toEqual([[], []])
})

it('S7: of two interfaces with one name the one counts that has the known alias, else the known address', async () => {
  const rig = rigOf({ 1: row('a', 1000n, { alias: 'customer 1', physical: '\u0001' }) })
  await rig.poll()
  rig.pass(60_000).responder.lastChange += 1
  rig.responder.rows = new Map([
    [3, row('a', 77n, { alias: 'other', physical: '\u0001' })],
    [4, row('a', 1200n, { alias: 'customer 1', physical: '\u0002' })],
  ])
  await rig.poll()
  expect([rig.usage('a'), rig.flags('a')]).toEqual([200n, []])
})

it('S7: two interfaces that nothing tells apart are not metered', async () => {
  const rig = rigOf({ 1: row('a', 1000n), 2: row('b', 10n) })
  await rig.poll()
  rig.pass(60_000).responder.lastChange += 1
  rig.responder.rows.set(3, row('a', 1000n)).set(2, row('b', 20n))
  await rig.poll()
  expect([rig.usage('a'), rig.flags('a'), rig.usage('b')]).toEqual([0n, undefined, 10n])
  expect(rig.device.faults).toMatchObject([
    { code: 'INTERFACE_AMBIGUOUS', message: 'edge: 2 interfaces are named a; none is metered' },
  ])
})

it('S7: an interface taken away and shown on beside its successor of the same name is not metered any more', async () => {
  const rig = rigOf({ 1: row('a', 5000n, { physical: 'old' }) })
  await rig.poll()
  rig.responder.rows.set(1, row('a', 0n, { physical: 'old', isDown: true }))
  rig.responder.rows.set(2, row('a', 9000n, { physical: 'new' }))
  rig.responder.lastChange += 1
  await rig.pass(60_000).poll()
  expect(rig.flags('a')).toEqual(['exchanged'])
  rig.responder.rows.set(2, row('a', 9100n, { physical: 'new' }))
  await rig.pass(60_000).poll()
  expect(rig.usage('a')).toBe(100n)
  expect(rig.device.faults.map(({ code }) => code)).toEqual([])
})

it('S7: which of two interfaces of one name is up is looked up again within a minute', async () => {
  const rig = rigOf({
    1: row('a', 5000n, { physical: 'one' }),
    2: row('a', 10n, { physical: 'two', isDown: true }),
  })
  await rig.poll()
  rig.responder.rows.set(1, row('a', 5000n, { physical: 'one', isDown: true }))
  rig.responder.rows.set(2, row('a', 6000n, { physical: 'two' }))
  await rig.pass(60_000).poll()
  expect(rig.flags('a')).toEqual(['exchanged'])
  rig.responder.rows.set(2, row('a', 6007n, { physical: 'two' }))
  await rig.pass(60_000).poll()
  expect(rig.usage('a')).toBe(7n)
})
