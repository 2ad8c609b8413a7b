import { isSource, type Rule } from './repository.ts'

/** Entries of the top level; the others are dotfiles. */
export const TOP_LEVEL: ReadonlySet<string> = new Set([
  'proto',
  'agent',
  'collector',
  'rating',
  'billing-api',
  'deploy',
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'LICENSE',
  'package.json',
  'package-lock.json',
  'turbo.json',
  'tsconfig.base.json',
  'vitest.config.ts',
  'knip.json',
])

const FILE_LINES_MAX = 300

/** The top level has the entries listed here and dotfiles, nothing else. */
export const topLevelIsClosed: Rule = (files) => {
  const entries = new Set(files.map((file) => file.path.split('/')[0] ?? ''))
  const strangers = [...entries].filter((entry) => !entry.startsWith('.') && !TOP_LEVEL.has(entry))
  return strangers.map((entry) => `${entry}: not an entry of the top level; put it into one of its folders`)
}

/** The top level has every entry listed here. */
export const topLevelIsComplete: Rule = (files) => {
  const entries = new Set(files.map((file) => file.path.split('/')[0] ?? ''))
  return [...TOP_LEVEL].filter((entry) => !entries.has(entry)).map((entry) => `${entry}: missing`)
}

/** A file has at most 300 lines. */
export const filesAreShort: Rule = (files) =>
  files.filter(isSource).flatMap((file) => {
    const lines = file.text.split('\n').length - 1
    return lines > FILE_LINES_MAX ? [`${file.path}: ${lines} lines, at most ${FILE_LINES_MAX}`] : []
  })

/** A file's name is in kebab-case. */
export const namesAreKebabCase: Rule = (files) =>
  files
    .filter((file) => isSource(file) && !/(^|\/)[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.tsx?$/.test(file.path))
    .map((file) => `${file.path}: not in kebab-case`)

/** Every workspace has a README. */
export const workspacesHaveReadme: Rule = (files) => {
  const paths = new Set(files.map((file) => file.path))
  const folders = [...paths].flatMap((path) => /^(.+)\/package\.json$/.exec(path)?.[1] ?? [])
  return folders
    .filter((folder) => !paths.has(`${folder}/README.md`))
    .map((folder) => `${folder}: no README.md`)
}
