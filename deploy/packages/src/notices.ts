import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
}

/** Licences of the agent, of the runtime and of every package inside, as Debian's `copyright` and for the image. */
export function noticesOf(packages: readonly string[]): string {
  const { node } = process.versions
  const own = [
    'vouch-agent is licensed under the Apache License 2.0,',
    'https://www.apache.org/licenses/LICENSE-2.0.',
    '',
    `It contains Node.js ${node}, under the MIT licence and those of its parts:`,
    `https://github.com/nodejs/node/blob/v${node}/LICENSE.`,
    '',
    'It contains these packages:',
    '',
  ].join('\n')
  return own + packages.map(noticeOf).join('')
}

function noticeOf(folder: string): string {
  const { name, version, license } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as Manifest
  const file = readdirSync(folder).find((each) => /^(licen[cs]e|copying)(\.\w+)?$/i.test(each))
  const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim()
  return `${'-'.repeat(72)}\n${name} ${version}, ${license ?? 'see below'}\n\n${text}\n\n`
}
