import { dirname, join } from 'node:path/posix'
import { isSource, isTest, matchingLines, type Rule, type SourceFile } from './repository.ts'

const SERVICES = new Set(['agent', 'collector', 'rating', 'billing-api'])
/** Folders named by a technology; only they may import a driver. Every other folder of a service is pure. */
const ADAPTERS = new Set([
  'grpc',
  'http',
  'clickhouse',
  'postgres',
  'pdf',
  'tabular',
  'host',
  'docker',
  'snmp',
  'events',
  'spool',
])
/** Parts of Node that compute and nothing else. */
const PURE_NODE = new Set(['node:assert', 'node:path', 'node:path/posix', 'node:util'])
const PURE_NODE_CRYPTO = new Set(['createHash', 'timingSafeEqual'])
/** Packages that compute and nothing else. */
const PURE_PACKAGES = new Set(['@bufbuild/protobuf', 'typebox', 'lru-cache'])
const TEST_KITS = /^@vouch\/(clickhouse|postgres)$/
const IMPURE =
  /\bprocess\.|\bconsole\.|\bDate\.now\(|\bnew Date\(\)|\bperformance\.|\bTemporal\.Now\b|\bMath\.random\(|\bset(Timeout|Interval|Immediate)\(|\bfetch\(/

/** One import: what is named, and where it comes from. */
interface Import {
  readonly names: string
  readonly from: string
}

/** Every module that a text imports or re-exports, static or dynamic. */
export function importsOf(text: string): Import[] {
  const pattern =
    /^\s*(?:import|export)\s+(?<names>[^'";]*?)\s*from\s+['"](?<from>[^'"]+)['"]|^\s*import\s+['"](?<bare>[^'"]+)['"]|\bimport\(\s*['"](?<dynamic>[^'"]+)['"]\s*\)/gm
  return [...text.matchAll(pattern)].map(({ groups = {} }) => ({
    names: groups['names'] ?? '',
    from: groups['from'] ?? groups['bare'] ?? groups['dynamic'] ?? '',
  }))
}

/** The workspace of a path: `agent`, `deploy/e2e`. */
function workspaceOf(path: string): string {
  const [first = '', second = ''] = path.split('/')
  return first === 'deploy' ? `${first}/${second}` : first
}

/** A relative import stays in its workspace; what other workspaces offer is imported by name. */
export const relativeImportsStayInside: Rule = (files) =>
  files.filter(isSource).flatMap((file) =>
    importsOf(file.text)
      .filter(({ from }) => from.startsWith('.'))
      .filter(({ from }) => workspaceOf(join(dirname(file.path), from)) !== workspaceOf(file.path))
      .map(({ from }) => `${file.path}: imports ${from}, which is outside of its workspace`),
  )

/** A service imports the common language and npm packages, never another service; its tests may use test kits. */
export const servicesStayApart: Rule = (files) =>
  files.filter(isSource).flatMap((file) => {
    const workspace = workspaceOf(file.path)
    if (!SERVICES.has(workspace) && workspace !== 'proto') return []
    return importsOf(file.text)
      .filter(({ from }) => from.startsWith('@vouch/'))
      .filter(({ from }) => workspace === 'proto' || !from.startsWith('@vouch/proto/'))
      .filter(({ from }) => !(isTest(file) && TEST_KITS.test(from)))
      .map(({ from }) => `${file.path}: ${workspace} may not import ${from}`)
  })

/** The kernel imports nothing but itself. */
export const kernelStandsAlone: Rule = (files) =>
  files
    .filter((file) => file.path.startsWith('proto/src/kernel/') && isSource(file) && !isTest(file))
    .flatMap((file) => [
      ...importsOf(file.text)
        .filter(
          ({ from }) =>
            !from.startsWith('.') || !join(dirname(file.path), from).startsWith('proto/src/kernel/'),
        )
        .map(({ from }) => `${file.path}: the kernel may not import ${from}`),
      ...impureLines(file),
    ])

/** Folders of a service that are named by a business word hold no I/O, no clock, no environment, no logger. */
export const businessFoldersArePure: Rule = (files) =>
  files
    .filter((file) => isSource(file) && !isTest(file) && isPureFolder(file.path))
    .flatMap((file) => [
      ...importsOf(file.text)
        .filter((entry) => !isPureImport(file.path, entry))
        .map(({ from }) => `${file.path}: a pure folder may not import ${from}`),
      ...impureLines(file),
    ])

function isPureFolder(path: string): boolean {
  const [workspace = '', src, folder = '', file] = path.split('/')
  return SERVICES.has(workspace) && src === 'src' && file !== undefined && !ADAPTERS.has(folder)
}

function isPureImport(path: string, { names, from }: Import): boolean {
  if (from.startsWith('.')) {
    const target = join(dirname(path), from)
    return isPureFolder(target) || target.endsWith('/src/ports.ts')
  }
  if (names.startsWith('type ') || from.startsWith('@vouch/proto/'))
    return !/^@vouch\/proto\/wire\/(?:grpc|http2\/)/.test(from)
  if (from === 'node:crypto') return namesOf(names).every((name) => PURE_NODE_CRYPTO.has(name))
  return from.startsWith('node:') ? PURE_NODE.has(from) : PURE_PACKAGES.has(packageOf(from))
}

function namesOf(clause: string): string[] {
  return clause.split(/[{},\s]+/).filter((word) => word !== '')
}

/** The package of an import: `@scope/name` of `@scope/name/file`. */
export function packageOf(from: string): string {
  return from.split('/', from.startsWith('@') ? 2 : 1).join('/')
}

function impureLines(file: SourceFile): string[] {
  const code = file.text.replaceAll(/\/\*[\s\S]*?\*\//g, (comment) => comment.replaceAll(/[^\n]/g, ' '))
  const withoutComments = { path: file.path, text: code.replaceAll(/(^|\s)\/\/.*$/gm, '$1') }
  return matchingLines(withoutComments, IMPURE, 'a clock, the environment or I/O in a pure folder')
}
