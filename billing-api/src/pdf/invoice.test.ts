import { create } from '@bufbuild/protobuf'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { ChargeSchema, GapKind, SnapshotSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import type { StreamUsageSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { money } from '@vouch/proto/kernel/money.ts'
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
const snapshotOf = (streams: MessageInitShape<typeof StreamUsageSchema>[]) =>
  create(SnapshotSchema, { measurements: [{ meter: 'host.cpu.used', unit: 'ms', streams }] })
const statementOf = (streams: MessageInitShape<typeof StreamUsageSchema>[]): Statement => ({
  tariff: 't',
  tariffVersion: 1,
  snapshot: snapshotOf(streams),
  unpriced: [],
  corrects: undefined,
})
const statement = statementOf([
  {
    resource: 'host:a',
    epochs: [{ quantity: 5n, opening: { atMs: 0n, register: 1n }, closing: { atMs: 60_000n, register: 6n } }],
    coverage: {
      coveredMs: 0n,
      missingMs: 3_600_000n,
      spreadMs: 61_000n,
      gaps: Array.from({ length: 7 }, () => ({ fromMs: 0n, toMs: 60_000n, kind: GapKind.MISSING })),
    },
  },
])
const line = (lineNumber: number): InvoiceLine => ({
  lineNumber,
  statement: 0,
  amount: money(100n, 'EUR'),
  charge,
})
const invoice = (lines: number): Invoice => ({
  id: 'x',
  createdMs: 0,
  issue: { number: 'INV-000001', atMs: 86_400_000, proofSha256: new Uint8Array(32) },
  seller: { id: 's', name: 'Seller' },
  buyer: { id: 'b', name: 'Żółw Ἑλλάς Київ' },
  currency: 'EUR',
  period: { from: 0, to: 86_400_000 },
  timeZone: 'Europe/Berlin',
  statements: [statement],
  lines: Array.from({ length: lines }, (_, index) => line(index + 1)),
  total: money(100n * BigInt(lines), 'EUR'),
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

describe('figures', () => {
  it.runIf(PDF_READABLE)(`stand on one line, however long they are${PDF_NOTE}`, async () => {
    const figures = { quantity: '12345678901234567890.123456789012', unitPrice: '999999999999.123456789012' }
    const amount = money(9_223_372_036_854_775_807n, 'EUR')
    const closing = { atMs: 0n, register: 18_446_744_073_709_551_615n }
    const long = create(ChargeSchema, { ...figures, measurements: [0] })
    const statements = [statementOf([{ resource: 'host:a', epochs: [{ closing }] }])]
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
    expect(gapNotes(line(2), { statements: [statement], timeZone: 'UTC' })).toEqual([
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
