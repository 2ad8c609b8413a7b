import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Absolute path of the repository. */
export const ROOT = resolve(import.meta.dirname, '../../..')

/** A file of the repository: its path from the root, with `/`, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** A rule: what is wrong in these files, a line each. None means the rule holds. */
export type Rule = (files: readonly SourceFile[]) => string[]

/** Every file that is in version control or could be: what `.gitignore` names is left out. */
export function repositoryFiles(): SourceFile[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  const paths = listed.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path)))
  return paths.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

/** Source that people write: TypeScript without what is generated. */
export function isSource(file: SourceFile): boolean {
  return /\.tsx?$/.test(file.path) && !file.path.startsWith('proto/src/gen/')
}

/** Tests, and what a folder `testing` holds for them alone. */
export function isTest(file: SourceFile): boolean {
  return /\.test\.tsx?$|\/testing\//.test(file.path)
}

/** Each line that matches, as `path:line: message`. */
export function matchingLines(file: SourceFile, pattern: RegExp, message: string): string[] {
  return file.text
    .split('\n')
    .flatMap((line, index) => (pattern.test(line) ? [`${file.path}:${index + 1}: ${message}`] : []))
}
