import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const present = spawnSync('pdftotext', ['-v']).error === undefined

/** Whether tests that read PDFs run: where the program is, and where it must be. */
export const PDF_READABLE = present || process.env['CI'] === 'true'

/** What the name of such a test says where the program is absent. */
export const PDF_NOTE = present ? '' : ', text unread: Debian package poppler-utils is absent'

/** The text of a PDF as it lies on the page. */
export async function pdfText(bytes: Uint8Array): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-pdf-'))
  const file = join(directory, 'invoice.pdf')
  await writeFile(file, bytes)
  try {
    return (await promisify(execFile)('pdftotext', ['-layout', file, '-'])).stdout
  } finally {
    await rm(directory, { recursive: true })
  }
}
