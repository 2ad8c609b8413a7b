import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { formatAmount } from '@vouch/proto/kernel/money.ts'
import type { Invoice, InvoiceLine } from '../invoice/invoice.ts'
import { formatLocal, formatSpan } from './local-time.ts'
import { BOLD, EDGES, INK, MUTED, REGULAR, ensure, heading, paragraph, renderPages } from './page.ts'
import type { Page } from './page.ts'
import { gapNotes, readingRows } from './readings.ts'
import { drawTable } from './table.ts'
import type { Cell, Column } from './table.ts'

const LINES: readonly Column[] = [
  { title: '#', width: 26, align: 'left' },
  { title: 'Item and resource', width: 183, align: 'left' },
  { title: 'Quantity', width: 110, align: 'right' },
  { title: 'Unit price', width: 90, align: 'right' },
  { title: 'Amount', width: 90, align: 'right' },
]

const READINGS: readonly Column[] = [
  { title: '#', width: 26, align: 'left' },
  { title: 'Measured at', width: 183, align: 'left' },
  { title: 'Opening reading', width: 105, align: 'right' },
  { title: 'Closing reading', width: 105, align: 'right' },
  { title: 'Usage', width: 80, align: 'right' },
]

/** Beyond this, readings stand in the proof only: paper is for reading. */
const READINGS_MAX = 500
const NOTES_MAX = 100

/** The invoice as a PDF (A4); the same invoice gives the same bytes. A draft is marked as one. */
export async function renderInvoice(invoice: Invoice): Promise<Uint8Array> {
  const { issue, seller, createdMs } = invoice
  const title = issue === undefined ? 'Draft, not an invoice' : `Invoice ${issue.number}`
  return renderPages({ title, author: seller.name, atMs: issue?.atMs ?? createdMs }, (page) => {
    drawHead(page, invoice, title)
    drawTable(
      page,
      LINES,
      invoice.lines.map((line) => lineRow(line, invoice)),
    )
    drawTotal(page, invoice)
    drawReadings(page, invoice)
    drawCoverage(page, invoice)
    drawProof(page, invoice)
  })
}

function drawHead(
  page: Page,
  { seller, buyer, issue, period, timeZone, createdMs }: Invoice,
  title: string,
): void {
  const width = EDGES.right - EDGES.left
  page.font(BOLD).fontSize(18).text(title, EDGES.left, page.y, { width })
  page.font(REGULAR).fontSize(9).fillColor(MUTED).moveDown(0.2)
  const dated =
    issue === undefined
      ? `Drawn ${formatLocal(createdMs, timeZone)}`
      : `Issued ${formatLocal(issue.atMs, timeZone)}`
  page.text(`${dated} (${timeZone})`, EDGES.left, page.y, { width }).moveDown(1.5)
  const top = page.y
  const third = width / 3
  const blocks: readonly (readonly [string, string, string])[] = [
    ['From', seller.name, seller.id],
    ['To', buyer.name, buyer.id],
    ['Period', formatSpan(period, timeZone), `${timeZone}; the end is not included`],
  ]
  const bottoms = blocks.map(([label, text, note], index) => {
    const at = EDGES.left + index * third
    const options = { width: third - 12 }
    page.font(BOLD).fontSize(7.5).fillColor(MUTED).text(label, at, top, options)
    page
      .font(REGULAR)
      .fontSize(10)
      .fillColor(INK)
      .text(text, at, page.y + 2, options)
    page.fontSize(7.5).fillColor(MUTED).text(note, at, page.y, options)
    return page.y
  })
  page.fontSize(9).fillColor(INK)
  page.y = Math.max(...bottoms) + 18
}

function lineRow({ lineNumber, charge, statement, amount }: InvoiceLine, invoice: Invoice): Cell[] {
  const { description, itemId, resource, pool, kind, quantity, unit, unitPrice, currency } = charge
  const { tariff, tariffVersion, snapshot } = invoice.statements[statement] ?? {}
  const from = tariff === undefined ? itemId : `${itemId}, tariff ${tariff} version ${tariffVersion}`
  const corrects = snapshot?.corrects ? `late: belongs to ${snapshot.corrects}` : ''
  const what = kind === 'usage' || kind === 'fee' ? '' : kind
  const notes = [pool === '' ? resource : pool, [what, corrects].filter(Boolean).join(', '), from]
  return [
    { text: `${lineNumber}` },
    { text: description, note: notes.filter((note) => note !== '').join('\n') },
    { text: quantity, note: unit },
    { text: unitPrice, note: unitPrice === '' ? '' : `${currency}${unit === '' ? '' : ` per ${unit}`}` },
    { text: formatAmount(amount), note: currency },
  ]
}

function drawTotal(page: Page, { total }: Invoice): void {
  ensure(page, 40)
  page.moveDown(0.6).font(BOLD).fontSize(12).fillColor(INK)
  const { y } = page
  page.text('Total', EDGES.left, y, { lineBreak: false })
  page.text(`${formatAmount(total)} ${total.currency}`, EDGES.left, y, {
    width: EDGES.right - EDGES.left,
    align: 'right',
  })
  page.font(REGULAR).fontSize(9)
}

function drawReadings(page: Page, invoice: Invoice): void {
  const rows = invoice.lines.flatMap((line) => readingRows(line, invoice))
  if (rows.length === 0) return
  heading(page, 'Readings')
  paragraph(page, 'Usage is the closing reading less the opening reading of each meter, in its own unit.')
  drawTable(page, READINGS, rows.slice(0, READINGS_MAX))
  if (rows.length > READINGS_MAX) paragraph(page, `${rows.length - READINGS_MAX} more are in the proof.`)
}

function drawCoverage(page: Page, invoice: Invoice): void {
  heading(page, 'Coverage')
  const notes = [...new Set(invoice.lines.flatMap((line) => gapNotes(line, invoice)))]
  if (notes.length === 0) paragraph(page, 'Every line was measured without a gap.')
  for (const note of notes.slice(0, NOTES_MAX)) paragraph(page, note)
  if (notes.length > NOTES_MAX)
    paragraph(page, `${notes.length - NOTES_MAX} more meters with gaps are in the proof.`)
}

function drawProof(page: Page, { issue }: Invoice): void {
  if (issue === undefined) return
  heading(page, 'Proof')
  paragraph(
    page,
    `This invoice has a proof: the signed readings, tariff and arithmetic behind every line. Fetch it where you ` +
      `fetched this invoice, and check it offline with: vouch-verify ${issue.number}.proof.json`,
  )
  paragraph(page, `SHA-256 of the proof:\n${toHex(issue.proofSha256)}`)
}
