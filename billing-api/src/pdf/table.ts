import { BOLD, EDGES, INK, MUTED, REGULAR, RULE, ensure } from './page.ts'
import type { Page } from './page.ts'

/** A column: its share of the width, and the side its text keeps to. */
export interface Column {
  readonly title: string
  /** Points. */
  readonly width: number
  readonly align: 'left' | 'right'
}

/** A cell: text, and smaller text below it. */
export interface Cell {
  readonly text: string
  readonly note?: string
}

const TEXT_SIZE = 9
const NOTE_SIZE = 7.5
const GUTTER = 8
const PADDING = 4

/** Draws a table from the current place on; where a page ends, the next begins with the head again. */
export function drawTable(page: Page, columns: readonly Column[], rows: readonly (readonly Cell[])[]): void {
  const first = rows[0]
  ensure(page, headHeight(page) + (first === undefined ? 0 : rowHeight(page, columns, first)))
  drawHead(page, columns)
  for (const row of rows) {
    if (ensure(page, rowHeight(page, columns, row))) drawHead(page, columns)
    drawRow(page, columns, row)
  }
}

function drawHead(page: Page, columns: readonly Column[]): void {
  const { y } = page
  page.font(BOLD).fontSize(NOTE_SIZE).fillColor(MUTED)
  for (const { x, column } of placed(columns)) {
    page.text(column.title, x, y + PADDING, { width: column.width - GUTTER, align: column.align })
  }
  page.font(REGULAR).fontSize(TEXT_SIZE)
  page.y = y + headHeight(page)
  rule(page)
}

function drawRow(page: Page, columns: readonly Column[], row: readonly Cell[]): void {
  const { y } = page
  const height = rowHeight(page, columns, row)
  for (const { x, column, index } of placed(columns)) {
    const { text, note } = row[index] ?? { text: '' }
    const options = { width: column.width - GUTTER, align: column.align }
    page
      .fontSize(textSize(page, column, text))
      .fillColor(INK)
      .text(text, x, y + PADDING, options)
    if (note !== undefined) page.fontSize(NOTE_SIZE).fillColor(MUTED).text(note, x, page.y, options)
  }
  page.fontSize(TEXT_SIZE).fillColor(INK)
  page.y = y + height
  rule(page)
}

function rowHeight(page: Page, columns: readonly Column[], row: readonly Cell[]): number {
  const heights = columns.map((column, index) => {
    const { text, note } = row[index] ?? { text: '' }
    const options = { width: column.width - GUTTER, align: column.align }
    const own = page.fontSize(textSize(page, column, text)).heightOfString(text, options)
    const below = note === undefined ? 0 : page.fontSize(NOTE_SIZE).heightOfString(note, options)
    page.fontSize(TEXT_SIZE)
    return own + below
  })
  return Math.max(...heights) + 2 * PADDING
}

/** A figure shrinks until it fits on one line: broken over two, each half reads as a figure of its own. */
function textSize(page: Page, { width, align }: Column, text: string): number {
  if (align === 'left') return TEXT_SIZE
  const needed = page.fontSize(TEXT_SIZE).widthOfString(text)
  return needed < width - GUTTER ? TEXT_SIZE : (TEXT_SIZE * (width - GUTTER - 1)) / needed
}

function headHeight(page: Page): number {
  const height = page.font(BOLD).fontSize(NOTE_SIZE).currentLineHeight(true)
  page.font(REGULAR).fontSize(TEXT_SIZE)
  return height + 2 * PADDING
}

function rule(page: Page): void {
  page.moveTo(EDGES.left, page.y).lineTo(EDGES.right, page.y).lineWidth(0.5).strokeColor(RULE).stroke()
}

/** Right-aligned columns give their gutter to the left, so that figures end at the edge. */
function placed(columns: readonly Column[]): { x: number; column: Column; index: number }[] {
  let left = EDGES.left
  return columns.map((column, index) => {
    const x = column.align === 'right' ? left + GUTTER : left
    left += column.width
    return { x, column, index }
  })
}
