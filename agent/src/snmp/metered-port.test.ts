import fc from 'fast-check'
import { expect, it } from 'vitest'
import { packPorts, unpackPorts } from './metered-port.ts'
import type { MeteredPort } from './metered-port.ts'
import { COLUMN } from './mib.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 12 })
const width = fc.constantFrom(32 as const, 64 as const, undefined)
const port: fc.Arbitrary<MeteredPort> = fc.record({
  index: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  name: text,
  column: fc.constantFrom(COLUMN.ifName, COLUMN.ifDescr),
  alias: text,
  physical: fc.uint8Array({ maxLength: 8 }).map((octets) => octets.toHex()),
  speed: fc.bigInt({ min: 0n, max: (2n ** 32n - 1n) * 1_000_000n }),
  widths: fc.option(fc.array(width, { minLength: 4, maxLength: 4 }), { nil: undefined }),
})

it('interfaces are unpacked as they were packed, whatever else is packed meanwhile', () => {
  fc.assert(
    fc.property(fc.array(fc.array(port, { maxLength: 6 }), { maxLength: 4 }), (devices) => {
      const packed = devices.map(packPorts)
      for (const [index, ports] of devices.entries()) {
        const found = unpackPorts(packed[index]!)
        expect(found).toEqual(ports)
        for (const [place, { column }] of found.entries()) expect(column).toBe(ports[place]!.column)
      }
    }),
  )
})
