import { expect, it } from 'vitest'
import { DeclaredStreams, classOf } from './streams.ts'

const id = (octet: number) => new Uint8Array(16).fill(octet)
const ids = (...octets: number[]) => Uint8Array.from(octets.flatMap((octet) => [...id(octet)]))

it('tells new from known, and changed attributes from the same', () => {
  const streams = new DeclaredStreams(10, 1)
  expect(streams.declare(id(1), 'host.cpu.used', id(9))).toBe(true)
  expect(streams.declare(id(1), 'host.cpu.used', id(9))).toBe(false)
  expect(streams.declare(id(1), 'host.cpu.used', id(8))).toBe(true)
  expect(streams.declare(id(2), 'host.network.received', id(9))).toBe(true)
  expect(streams.size).toBe(2)
})

it('gives the class of each stream of a batch, or the first that is not declared', () => {
  const streams = new DeclaredStreams(10, 1)
  streams.declare(id(1), 'host.cpu.used', id(9))
  streams.declare(id(2), 'host.network.received', id(9))
  expect(streams.classes(ids(2, 1, 2))).toEqual(['host.network', 'host.cpu', 'host.network'])
  expect(streams.classes(ids())).toEqual([])
  expect(streams.classes(ids(2, 3))).toBe(1)
  streams.declare(id(3), 'api.calls', id(9))
  expect(streams.classes(ids(2, 3))).toEqual(['host.network', 'api'])
})

it('forgets none of as many as may be declared', () => {
  const streams = new DeclaredStreams(200, 1)
  for (let octet = 0; octet < 200; octet++) streams.declare(id(octet), `m${octet}.x`, id(1))
  for (let octet = 0; octet < 200; octet++) streams.declare(id(octet), `m${octet}.x`, id(2))
  expect(streams.size).toBe(200)
  expect(streams.classes(ids(0, 199))).toEqual(['m0', 'm199'])
})

it.each([
  ['host.network.received', 'host.network'],
  ['api.calls', 'api'],
])('the class of %s is %s', (meter, name) => {
  expect(classOf(meter)).toBe(name)
})
