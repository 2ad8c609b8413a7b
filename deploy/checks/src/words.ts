import { dirname, join } from 'node:path/posix'
import { isSource, isTest, matchingLines, type Rule } from './repository.ts'

const OWN_FILES = /^deploy\/checks\/src\//
const TEXT = /\.(tsx?|js|json|md|ya?ml|sql|proto|sh)$|^\.ci\/|Dockerfile$/

const UNFINISHED = /\b(TODO|FIXME|HACK)\b|(\/\/|\*|#|--).*\bXXX\b|\bnot (yet )?implemented\b/i
const UNTYPED =
  /\bas any\b|: any(?=\s*(\W|$))(?! \w)|<any>|@ts-(ignore|nocheck)|eslint-disable|oxlint-disable(?!.* -- )/
const SILENCED = /\b(it|test|describe)\.(only|skip|todo)\b(?!If)/
const MACHINE_PATH = /(^|[\s'"`(=])\/(home|Users|root|work)\/[\w.-]/
const TRACKER = /\b(issues?|tickets?) #?\d+\b/i

/** No work is announced instead of done. */
export const nothingIsLeftUnfinished: Rule = (files) =>
  files
    .filter((file) => TEXT.test(file.path) && !OWN_FILES.test(file.path) && !file.path.endsWith('-lock.json'))
    .flatMap((file) => [
      ...matchingLines(file, UNFINISHED, 'unfinished work'),
      ...matchingLines(file, MACHINE_PATH, 'a path of one machine'),
      ...matchingLines(file, TRACKER, 'a number that means nothing here'),
    ])

/** No type is given up, and no linter rule without a reason after `--`. */
export const typesAreKept: Rule = (files) =>
  files
    .filter((file) => isSource(file) && !OWN_FILES.test(file.path))
    .flatMap((file) => matchingLines(file, UNTYPED, 'a check is switched off'))

/** No test is switched off or favoured. A missing program is `skipIf`. */
export const testsAllRun: Rule = (files) =>
  files
    .filter((file) => isTest(file) && !OWN_FILES.test(file.path))
    .flatMap((file) => matchingLines(file, SILENCED, 'a test that does not run, or keeps others from it'))

const EXACT =
  /^(proto\/src\/kernel\/(rational|rounding|decimal|money|allocation)|rating\/src\/(tariff|usage|rate|rule|quote|evidence|verify)\/|billing-api\/src\/(catalogue|contract|invoice|attribution|focus|invoicing|ledger|proof|receivable|tax)\/)/
const FLOATING =
  /\bparseFloat\(|\bNumber\((?![^)]*[mM]s\))|\.toFixed\(|\bMath\.(round|floor|ceil|trunc|fround)\(/

/** Where quantities and amounts are computed, nothing goes through floating point. */
export const arithmeticIsExact: Rule = (files) =>
  files
    .filter((file) => EXACT.test(file.path) && isSource(file) && !isTest(file))
    .flatMap((file) => matchingLines(file, FLOATING, 'floating point beside quantities and amounts'))

/** Every export says what it means. */
export const exportsAreDocumented: Rule = (files) =>
  files
    .filter((file) => isSource(file) && !isTest(file) && !file.path.endsWith('.config.ts'))
    .flatMap((file) => {
      const lines = file.text.split('\n')
      return lines.flatMap((line, index) => {
        const exported =
          /^export (?:async |abstract |declare )*(?:function\*?|class|interface|type|const) (\w+)/.exec(line)
        if (exported === null || /\*\/\s*$/.test(lines[index - 1] ?? '')) return []
        return [`${file.path}:${index + 1}: ${exported[1]} has no comment`]
      })
    })

/** Relative links in Markdown lead to files that exist. */
export const linksLeadSomewhere: Rule = (files) => {
  const paths = new Set(files.flatMap((file) => [file.path, ...parents(file.path)]))
  return files
    .filter((file) => file.path.endsWith('.md'))
    .flatMap((file) =>
      [...file.text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)[^)]*\)/g)]
        .map((match) => match[1] ?? '')
        .filter((link) => !paths.has(join(dirname(file.path), link).replace(/\/$/, '')))
        .map((link) => `${file.path}: link to ${link}, which does not exist`),
    )
}

function parents(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}
