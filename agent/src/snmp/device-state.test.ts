import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pack, readState, unpack, writeState } from './device-state.ts'
import type { KeptDevice } from './device-state.ts'
import { InOrder } from './in-order.ts'
import type { CounterState, PortState, ReadAt } from './interface-account.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const ms = fc.integer({ min: 0, max: 2 ** 50 })
const number32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const number64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const readAt: fc.Arbitrary<ReadAt> = fc.record({
  sentMs: ms,
  receivedMs: ms,
  uptime: number32,
  engine: fc.option(fc.constantFrom('80001f88', '80001f8804'), { nil: undefined }),
  boots: fc.option(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { nil: undefined }),
})

/** Devices whose counters were read with some few answers, as they are. */
const device: fc.Arbitrary<KeptDevice> = fc.array(readAt, { minLength: 1, maxLength: 4 }).chain((ats) => {
  const at = fc.constantFrom(...ats)
  const counter: fc.Arbitrary<CounterState> = fc.record({
    bits: fc.constantFrom(32, 64),
    value: number64,
    register: number64,
    at,
  })
  const state: fc.Arbitrary<PortState> = at.chain((own) => {
    const simple = number64.map((value): CounterState => ({ bits: 64, value, register: value, at: own }))
    const counters = fc.array(fc.option(fc.oneof(simple, counter), { nil: undefined }), { maxLength: 4 })
    return fc.record({ life: ms, at: fc.constant(own), discontinuity: number32, counters })
  })
  const port = fc.record({ identity: fc.record({ alias: text, physical: text }), state })
  return fc.record({
    ports: fc.array(fc.tuple(text, port)).map((ports) => new InOrder(new Map(ports))),
    counters: fc.array(fc.tuple(text, state)).map((states) => new Map(states)),
  })
})

/** Everything that is kept, where a comparison sees it. */
function plain({ counters, ports }: KeptDevice): { ports: unknown[]; counters: unknown[] } {
  return { ports: [...ports], counters: [...counters] }
}

describe('what is kept of a device', () => {
  it('is unpacked as it was packed, whatever was in the room before', () => {
    fc.assert(
      fc.property(device, device, (first, second) => {
        const packed = pack(first)
        expect(plain(unpack(packed))).toEqual(plain(first))
        expect(plain(unpack(pack(second, packed)))).toEqual(plain(second))
        expect(plain(readState(writeState('boot', pack(first)), 'boot'))).toEqual(plain(first))
      }),
    )
  })

  it('may be much', () => {
    const at = { sentMs: 1, receivedMs: 2, uptime: 3, engine: undefined, boots: undefined }
    const counters = [1n, 2n, 3n, 4n].map((value) => ({ bits: 64, value, register: value, at }) as const)
    const state = { life: 1, at, discontinuity: 0, counters }
    const ports = Array.from({ length: 500 }, (_, index) => `xe-0/0/${index}`)
    const kept = {
      ports: new InOrder(
        ports.map((name) => [name, { identity: { alias: 'ä'.repeat(40), physical: '' }, state }]),
      ),
      counters: new Map(),
    }
    expect(plain(unpack(pack(kept)))).toEqual(plain(kept))
  })

  it('is nothing where it ends early', () => {
    fc.assert(
      fc.property(device, fc.nat(), (kept, cut) => {
        const packed = pack(kept)
        const part = packed.subarray(0, cut % packed.length)
        expect(() => unpack(part)).toThrow(RangeError)
        expect(plain(readState(writeState('boot', part), 'boot'))).toEqual({ ports: [], counters: [] })
      }),
    )
  })

  it('is an error, and not another number, where a counter exceeds 64 bits', () => {
    const at = { sentMs: 1, receivedMs: 2, uptime: 3, engine: undefined, boots: undefined }
    const counters = [{ bits: 32, value: 1n, register: 2n ** 64n, at } as const]
    const state = { life: 1, at, discontinuity: 0, counters }
    expect(() => pack({ ports: new InOrder(), counters: new Map([['a', state]]) })).toThrow(RangeError)
  })

  it('is read as it was packed while every counter had a register beside its value', () => {
    const packed = [
      'AQAAAAAAAAAAQI9AAAAAAABIj0AqAAAA/////wAAAAABAAAACAAAAHhlLTAvMC8xAQAAAGECAAAAMDIAAAAAAAAAxYUxekIHAAAABAAAAEAK',
      'AAAAAAAAAAoAAAAAAAAAAAAAAEAUAAAAAAAAABQAAAAAAAAAAAAAAAAgBQAAAAAAAAAFAAAAAQAAAAAAAAAAAAAA',
    ]
    const at = { sentMs: 1000, receivedMs: 1001, uptime: 42, engine: undefined, boots: undefined }
    const counters: CounterState[] = [
      { bits: 64, value: 10n, register: 10n, at },
      { bits: 64, value: 20n, register: 20n, at },
      { bits: 32, value: 5n, register: 2n ** 32n + 5n, at },
    ]
    const state: PortState = {
      life: 1_800_000_000_000,
      at,
      discontinuity: 7,
      counters: [...counters.slice(0, 2), undefined, counters[2]],
    }
    const identity = { alias: 'a', physical: '02' }
    expect(plain(readState(`boot ${packed.join('')}`, 'boot'))).toEqual({
      ports: [['xe-0/0/1', { identity, state }]],
      counters: [],
    })
  })

  it('is read as it was kept before it was packed', () => {
    const at = { sentMs: 1000, receivedMs: 1010, uptime: 77 }
    const old = {
      boot: 'boot',
      ats: [at],
      ports: [['Gi0/1', 'customer 7', '0200000000aa', 0, 1_700_000_000_000, 5, ['64 900 1000 0', null]]],
      counters: [['/pdu:1 pdu.energy', 0, 1_700_000_000_001, 0, ['32 7 4294967303 0']]],
    }
    const state = { at, discontinuity: 5, life: 1_700_000_000_000 }
    expect(plain(readState(JSON.stringify(old), 'boot'))).toEqual({
      ports: [
        [
          'Gi0/1',
          {
            identity: { alias: 'customer 7', physical: '0200000000aa' },
            state: { ...state, counters: [{ bits: 64, value: 900n, register: 1000n, at }, undefined] },
          },
        ],
      ],
      counters: [
        [
          '/pdu:1 pdu.energy',
          {
            at,
            discontinuity: 0,
            life: 1_700_000_000_001,
            counters: [{ bits: 32, value: 7n, register: 4_294_967_303n, at }],
          },
        ],
      ],
    })
    expect(readState(JSON.stringify(old), 'another boot').ports.size).toBe(0)
  })
})
