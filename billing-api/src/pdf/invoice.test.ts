import { create } from '@bufbuild/protobuf'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import {
  ChargeSchema,
  GapKind,
  SnapshotSchema,
  UnpricedSchema,
} from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { StreamUsageSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { money } from '@vouch/proto/kernel/money.ts'
import { measured } from '../invoice/invoice.ts'
import type { Invoice, InvoiceLine, Statement } from '../invoice/invoice.ts'
import { PDF_NOTE, PDF_READABLE, pdfText } from '../testing/pdf-text.ts'
import { renderInvoice } from './invoice.ts'
import { formatDuration, formatLocal, formatSpan } from './local-time.ts'
import { gapNotes } from './readings.ts'

const charge = create(ChargeSchema, {
  itemId: 'cpu',
  resource: `host:${'0123456789abcdef'.repeat(12)}`,
  quantity: '1',
  unit: 'core-hour',
  unitPrice: '1',
  currency: 'EUR',
  description: 'CPU time',
  kind: 'usage',
  measurements: [0],
})
const stream = {
  resource: 'host:a',
  epochs: [{ quantity: 5n, opening: { atMs: 0n, register: 1n }, closing: { atMs: 60_000n, register: 6n } }],
  coverage: {
    coveredMs: 0n,
    missingMs: 3_600_000n,
    spreadMs: 61_000n,
    gaps: Array.from({ length: 7 }, () => ({ fromMs: 0n, toMs: 60_000n, kind: GapKind.MISSING })),
  },
}
const statement = (streams: readonly MessageInitShape<typeof StreamUsageSchema>[]): Statement => ({
  tariff: 't',
  tariffVersion: 1,
  snapshot: create(SnapshotSchema, {
    measurements: [{ resource: 'host:a', meter: 'host.cpu.used', unit: 'ms', streams: [...streams] }],
  }),
  unpriced: [],
  corrects: undefined,
})
const line = (lineNumber: number): InvoiceLine => ({
  lineNumber,
  costCentres: [],
  amount: money(100n, 'EUR'),
  charge,
  statement: 0,
})
const invoice = (lines: number): Invoice => ({
  id: 'x',
  createdMs: 0,
  issue: { number: 'INV-000001', atMs: 86_400_000, proofSha256: new Uint8Array(32) },
  release: undefined,
  seller: { id: 's', name: 'Seller' },
  buyer: { id: 'b', name: 'Żółw Ἑλλάς Київ' },
  currency: 'EUR',
  period: { from: 0, to: 86_400_000 },
  timeZone: 'Europe/Berlin',
  lines: Array.from({ length: lines }, (_, index) => line(index + 1)),
  total: money(100n * BigInt(lines), 'EUR'),
  statements: [statement([stream])],
})
const pages = (pdf: Uint8Array) =>
  Buffer.from(pdf)
    .toString('latin1')
    .match(/\/Type \/Page\b/g)?.length

describe('renderInvoice', () => {
  it('gives the same bytes for the same invoice, and others for another', async () => {
    const [one, same, other] = await Promise.all([3, 3, 4].map((lines) => renderInvoice(invoice(lines))))
    expect(equalBytes(one!, same!)).toBe(true)
    expect(equalBytes(one!, other!)).toBe(false)
  })

  it('breaks a long table over pages', async () => {
    expect(pages(await renderInvoice(invoice(1)))).toBe(1)
    expect(pages(await renderInvoice(invoice(60)))).toBeGreaterThan(5)
  })
})

describe('lines that are no usage', () => {
  const period = { fromMs: 0n, toMs: 86_400_000n }
  const other = (lineNumber: number, description: string, minor: bigint, of: object): InvoiceLine => ({
    ...line(lineNumber),
    amount: money(minor, 'EUR'),
    charge: create(ChargeSchema, { description, currency: 'EUR', period, ...of }),
  })
  const trace = Array.from({ length: 300 }, (_, index) => ({
    rule: `slot ${index}`,
    input: 'x',
    output: 'y',
  }))
  const mixed: Invoice = {
    ...invoice(1),
    total: money(-4_500n, 'EUR'),
    lines: [
      line(1),
      other(2, 'Base fee of the contract', 1_900n, { itemId: 'base' }),
      other(3, 'Setup, in advance', 500n, { itemId: 'setup', period: { fromMs: 1n, toMs: 2n } }),
      other(4, 'Transit, 95th percentile', 10_000n, {
        itemId: 'transit',
        pool: 'class gold',
        quantity: '40',
        unit: 'Mbit/s',
        measurements: [0],
        trace,
      }),
      other(5, 'Discount of 10 %', -1_200n, { itemId: 'partner' }),
      other(6, 'Credit', -15_800n, { itemId: 'promo' }),
    ],
    statements: [{ ...statement([stream]), unpriced: [create(UnpricedSchema, { periods: [period] })] }],
  }

  it.runIf(PDF_READABLE)(
    `show what they have, and nothing in the place of what they lack${PDF_NOTE}`,
    async () => {
      const pdf = await renderInvoice(mixed)
      const text = await pdfText(pdf)
      for (const part of [
        /^ *2 +Base fee of the contract +19\.00$/m,
        /^ *5 +Discount of 10 % +-12\.00$/m,
        /^ *4 +Transit, 95th percentile +40 +100\.00$/m,
        /class gold/,
        /setup, tariff t version 1/,
        /1970-01-01 01:00:00\.001 \+01:00/,
        /Total +-45\.00 EUR/,
        /Measured, but not billed/,
        /host:a, host\.cpu\.used: 1970-01-01 01:00 \+01:00 to/,
      ])
        expect(text).toMatch(part)
      expect(text).not.toMatch(/EUR per *$/m)
      expect(text).not.toContain('slot 299')
      expect(pages(pdf)).toBe(2)
    },
  )

  it.runIf(PDF_READABLE)(`need no readings${PDF_NOTE}`, async () => {
    const lines = [other(1, 'Base fee', 1_900n, { itemId: 'base' })]
    const fees = await pdfText(await renderInvoice({ ...mixed, lines }))
    expect(fees).not.toMatch(/^(Readings|Coverage)/m)
    const before = { ...mixed, statements: [], lines: [{ ...line(1), statement: -1 }] }
    expect(await pdfText(await renderInvoice(before))).toContain(
      'The readings behind the lines are in the proof.',
    )
  })
})

describe('figures', () => {
  it.runIf(PDF_READABLE)(`stand on one line, however long they are${PDF_NOTE}`, async () => {
    const figures = { quantity: '12345678901234567890.123456789012', unitPrice: '999999999999.123456789012' }
    const amount = money(9_223_372_036_854_775_807n, 'EUR')
    const closing = { atMs: 0n, register: 18_446_744_073_709_551_615n }
    const long = create(ChargeSchema, { ...figures, measurements: [0] })
    const statements = [statement([{ resource: 'host:a', epochs: [{ closing }] }])]
    const shown = await pdfText(
      await renderInvoice({ ...invoice(1), statements, lines: [{ ...line(1), amount, charge: long }] }),
    )
    for (const figure of [
      figures.quantity,
      figures.unitPrice,
      '92233720368547758.07',
      '18446744073709551615',
    ])
      expect(shown).toContain(figure)
  })
})

describe('words', () => {
  it('say what was not measured, and bound the list', () => {
    const [all] = measured(invoice(7))
    expect(gapNotes(all!, 'UTC')[0]).toMatch(/^Lines 1, 2, 3, 4, 5, others, host:a: nothing was measured/)
    const [one] = measured({ ...invoice(1), lines: [line(2)] })
    expect(gapNotes(one!, 'UTC')).toEqual([
      'Line 2, host:a: nothing was measured for 1 h; for 1 min 1 s the quantity was measured, but not when in that ' +
        `time it was used (${Array(5).fill('1970-01-01 00:00 +00:00 to 1970-01-01 00:01 +00:00').join('; ')}; 2 more in the proof).`,
    ])
  })

  it('tell time on the spot, with the offset of that day', () => {
    const march = { from: Date.UTC(2026, 1, 28, 23), to: Date.UTC(2026, 2, 31, 22) }
    expect(formatSpan(march, 'Europe/Berlin')).toBe('2026-03-01 to 2026-04-01')
    expect(formatSpan(march, 'UTC')).toBe('2026-02-28 23:00 +00:00 to 2026-03-31 22:00 +00:00')
    expect(formatLocal(1_500, 'Asia/Kolkata')).toBe('1970-01-01 05:30:01.500 +05:30')
    expect([0n, 59n, 90_061_001n].map(formatDuration)).toEqual(['0 s', '59 ms', '1 d 1 h 1 min 1 s 1 ms'])
  })
})
