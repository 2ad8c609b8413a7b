import { fileURLToPath } from 'node:url'
import PdfKit from 'pdfkit'

/** A pdfkit document with the invoice's fonts. */
export type Page = InstanceType<typeof PdfKit>

/** What the file says about itself. */
export interface PageInfo {
  readonly title: string
  readonly author: string
  readonly atMs: number
}

/** Left and right edge of the text, in points. */
export const EDGES = { left: 48, right: 547 }
/** Lowest point of the text; the footer is below. */
export const BOTTOM = 770
const TOP = 48
const FOOTER = 792

/** Names of the fonts. */
export const REGULAR = 'regular'
/** Headings and totals. */
export const BOLD = 'bold'
/** Ink. */
export const INK = '#1a1d21'
/** Labels and small print. */
export const MUTED = '#666c75'
/** Rules. */
export const RULE = '#d5d9de'

const FONTS = {
  // Latin, Cyrillic and Greek: the fonts built into every reader could not even write "Łódź".
  [REGULAR]: import.meta.resolve('@expo-google-fonts/noto-sans/400Regular/NotoSans_400Regular.ttf'),
  [BOLD]: import.meta.resolve('@expo-google-fonts/noto-sans/600SemiBold/NotoSans_600SemiBold.ttf'),
}

/** Renders what `draw` draws on A4; the same drawing gives the same bytes. */
export async function renderPages(info: PageInfo, draw: (page: Page) => void): Promise<Uint8Array> {
  const at = new Date(info.atMs)
  const page = new PdfKit({
    size: 'A4',
    margins: { top: TOP, left: EDGES.left, right: 595.28 - EDGES.right, bottom: 0 },
    bufferPages: true,
    lang: 'en',
    info: { Title: info.title, Author: info.author, Creator: 'Vouch', CreationDate: at, ModDate: at },
  })
  const chunks: Buffer[] = []
  const whole = new Promise<Buffer>((resolve, reject) => {
    page.on('data', (chunk: Buffer) => chunks.push(chunk))
    page.on('end', () => resolve(Buffer.concat(chunks)))
    page.on('error', reject)
  })
  for (const [name, file] of Object.entries(FONTS)) {
    page.registerFont(name, fileURLToPath(file))
  }
  page.font(REGULAR).fontSize(9).fillColor(INK)
  draw(page)
  number(page, info.title)
  page.end()
  return whole
}

/** Starts a new page unless `height` points are left. True where it did. */
export function ensure(page: Page, height: number): boolean {
  if (page.y + height <= BOTTOM) return false
  page.addPage()
  page.y = TOP
  return true
}

/** A heading with room for some text after it. */
export function heading(page: Page, text: string): void {
  ensure(page, 60)
  page.moveDown(1.2).font(BOLD).fontSize(11).fillColor(INK)
  page.text(text, EDGES.left, page.y).font(REGULAR).fontSize(9).moveDown(0.4)
}

/** Running text over the whole width. */
export function paragraph(page: Page, text: string): void {
  const width = EDGES.right - EDGES.left
  ensure(page, page.heightOfString(text, { width }))
  page.fillColor(INK).text(text, EDGES.left, page.y, { width }).moveDown(0.3)
}

function number(page: Page, title: string): void {
  const { count } = page.bufferedPageRange()
  for (let index = 0; index < count; index += 1) {
    page.switchToPage(index)
    page.fontSize(8).fillColor(MUTED)
    page.text(title, EDGES.left, FOOTER, { lineBreak: false })
    const label = `Page ${index + 1} of ${count}`
    page.text(label, EDGES.right - page.widthOfString(label), FOOTER, { lineBreak: false })
  }
}
