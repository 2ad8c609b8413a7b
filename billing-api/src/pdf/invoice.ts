import type { Charge } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { formatAmount } from '@vouch/proto/kernel/money.ts'
import { measured } from '../invoice/invoice.ts'
import type { Invoice, InvoiceLine } from '../invoice/invoice.ts'
import { formatLocal, formatSpan } from './local-time.ts'
import { BOLD, EDGES, INK, MUTED, REGULAR, ensure, heading, paragraph, renderPages } from './page.ts'
import type { Page } from './page.ts'
import { correctionNotes, estimateNotes, gapNotes, readingRows, unpricedNotes } from './readings.ts'
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
      invoice.lines.map((line) => lineRow(invoice, line)),
    )
    drawTotal(page, invoice)
    drawReadings(page, invoice)
    drawCoverage(page, invoice)
    drawEstimates(page, invoice)
    drawCorrections(page, invoice)
    drawUnpriced(page, invoice)
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

function lineRow(invoice: Invoice, { lineNumber, charge, statement, amount }: InvoiceLine): Cell[] {
  const { description, itemId, resource, pool, kind, quantity, unit, unitPrice, currency } = charge
  const { tariff, tariffVersion, snapshot } = invoice.statements[statement] ?? {}
  const notes = [
    resource,
    // A pool of one resource has its name.
    pool === resource ? '' : pool,
    kind === 'usage' || kind === 'fee' ? '' : kind,
    ownPeriod(invoice, charge),
    snapshot?.corrects ? `corrects ${snapshot.corrects}` : '',
    tariff === undefined ? itemId : `${itemId}, tariff ${tariff} version ${tariffVersion}`,
  ]
  return [
    { text: `${lineNumber}` },
    { text: description, note: notes.filter((note) => note !== '').join('\n') },
    { text: quantity, note: unit },
    unitPrice === ''
      ? { text: '' }
      : { text: unitPrice, note: `${currency}${unit === '' ? '' : ` per ${unit}`}` },
    { text: formatAmount(amount), note: currency },
  ]
}

/** What the line is for, where that is not the period of the invoice. */
function ownPeriod({ period, timeZone }: Invoice, charge: Charge): string {
  const [from, to] = [Number(charge.period?.fromMs ?? period.from), Number(charge.period?.toMs ?? period.to)]
  return from === period.from && to === period.to ? '' : formatSpan({ from, to }, timeZone)
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
  const rows = measured(invoice).flatMap((one) => readingRows(one, invoice.timeZone))
  if (rows.length === 0 && invoice.statements.length > 0) return
  heading(page, 'Readings')
  // Issued before there were statements.
  if (rows.length === 0) return paragraph(page, 'The readings behind the lines are in the proof.')
  paragraph(
    page,
    'Usage is the closing reading less the opening reading of each meter, in its own unit. A line may be for a part of it.',
  )
  drawTable(page, READINGS, rows.slice(0, READINGS_MAX))
  if (rows.length > READINGS_MAX) paragraph(page, `${rows.length - READINGS_MAX} more are in the proof.`)
}

function drawCoverage(page: Page, invoice: Invoice): void {
  const behind = measured(invoice)
  if (behind.length === 0) return
  heading(page, 'Coverage')
  const notes = behind.flatMap((one) => gapNotes(one, invoice.timeZone))
  if (notes.length === 0) paragraph(page, 'All usage on the lines was measured without a gap.')
  drawNotes(page, notes, 'meters with gaps')
}

function drawEstimates(page: Page, { statements, timeZone }: Invoice): void {
  const notes = statements.flatMap((statement) => estimateNotes(statement, timeZone))
  if (notes.length === 0) return
  heading(page, 'Estimated')
  paragraph(page, 'What was not measured is on lines of its own, as much as in an hour before that was.')
  drawNotes(page, notes, 'estimates')
}

function drawCorrections(page: Page, { statements, timeZone }: Invoice): void {
  const notes = statements.flatMap((statement) => correctionNotes(statement, timeZone))
  if (notes.length === 0) return
  heading(page, 'Decided')
  paragraph(page, 'Readings stay as they are; this was decided about the usage in them.')
  drawNotes(page, notes, 'decisions')
}

function drawUnpriced(page: Page, { statements, timeZone }: Invoice): void {
  const notes = statements.flatMap((statement) => unpricedNotes(statement, timeZone))
  if (notes.length === 0) return
  heading(page, 'Measured, but not billed')
  paragraph(page, 'The tariff has no price for this usage.')
  drawNotes(page, notes, 'meters without a price')
}

function drawNotes(page: Page, notes: readonly string[], of: string): void {
  for (const note of notes.slice(0, NOTES_MAX)) paragraph(page, note)
  if (notes.length > NOTES_MAX) paragraph(page, `${notes.length - NOTES_MAX} more ${of} are in the proof.`)
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
