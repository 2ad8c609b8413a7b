import type { Rule, SourceFile } from './repository.ts'

/** The parts of a package.json that rules read. */
interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly allowScripts?: Readonly<Record<string, boolean>>
}

interface Lockfile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly hasInstallScript?: boolean
        readonly optionalDependencies?: Readonly<Record<string, string>>
      }
    >
  >
}

const EXACT_VERSION = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/

function manifests(files: readonly SourceFile[]): { path: string; manifest: Manifest }[] {
  return files
    .filter((file) => /(^|\/)package\.json$/.test(file.path))
    .map((file) => ({ path: file.path, manifest: JSON.parse(file.text) as Manifest }))
}

function lockfileOf(files: readonly SourceFile[]): Lockfile {
  const text = files.find((file) => file.path === 'package-lock.json')?.text ?? '{"packages":{}}'
  return JSON.parse(text) as Lockfile
}

/** Every version is pinned exactly. */
export const versionsAreExact: Rule = (files) =>
  manifests(files).flatMap(({ path, manifest }) =>
    Object.entries({
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.optionalDependencies,
    })
      .filter(([, version]) => !EXACT_VERSION.test(version))
      .map(([name, version]) => `${path}: ${name} ${version} is not an exact version`),
  )

/** One package has one version throughout. */
export const versionsAgree: Rule = (files) => {
  const seen = new Map<string, Map<string, string>>()
  for (const { path, manifest } of manifests(files)) {
    for (const [name, version] of Object.entries({ ...manifest.devDependencies, ...manifest.dependencies })) {
      seen.set(name, (seen.get(name) ?? new Map<string, string>()).set(version, path))
    }
  }
  return [...seen]
    .filter(([, versions]) => versions.size > 1)
    .map(
      ([name, versions]) =>
        `${name}: ${[...versions].map(([version, path]) => `${version} in ${path}`).join(', ')}`,
    )
}

/** The first column of the table below `## Runtime dependencies` in ARCHITECTURE.md. */
function documented(files: readonly SourceFile[]): Set<string> {
  const text = files.find((file) => file.path === 'ARCHITECTURE.md')?.text ?? ''
  const section = text.split(/^## /m).find((part) => part.startsWith('Runtime dependencies')) ?? ''
  const cells = section.split('\n').map((line) => /^\|([^|]*)\|/.exec(line)?.[1] ?? '')
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')))
}

/** Every runtime dependency has its line in ARCHITECTURE.md, and every line its dependency. */
export const dependenciesAreExplained: Rule = (files) => {
  const explained = documented(files)
  const used = manifests(files).flatMap(({ path, manifest }) =>
    Object.keys(manifest.dependencies ?? {})
      .filter((name) => !name.startsWith('@vouch/'))
      .map((name) => ({ name, path })),
  )
  const names = new Set(used.map(({ name }) => name))
  return [
    ...used
      .filter(({ name }) => !explained.has(name))
      .map(({ name, path }) => `${path}: ${name} is not in ARCHITECTURE.md`),
    ...[...explained]
      .filter((name) => !names.has(name))
      .map((name) => `ARCHITECTURE.md: nothing depends on ${name}`),
  ]
}

/** The lockfile has the builds of every platform, not only of the one it was written on: else `npm ci` refuses it. */
export const lockfileKnowsEveryPlatform: Rule = (files) => {
  const { packages } = lockfileOf(files)
  return Object.entries(packages).flatMap(([where, entry]) =>
    Object.keys(entry.optionalDependencies ?? {})
      .filter(
        (name) => !(`node_modules/${name}` in packages) && !(`${where}/node_modules/${name}` in packages),
      )
      .map((name) => `package-lock.json: ${name} is missing`),
  )
}

/** Every install script in the lockfile is approved in package.json, and nothing else is. */
export const installScriptsAreApproved: Rule = (files) => {
  const { packages } = lockfileOf(files)
  const needed = new Set(
    Object.entries(packages)
      .filter(([, entry]) => entry.hasInstallScript === true)
      .map(([path]) => path.replace(/^.*node_modules\//, '')),
  )
  const root = manifests(files).find(({ path }) => path === 'package.json')
  const approved = new Set(Object.keys(root?.manifest.allowScripts ?? {}))
  return [
    ...[...needed]
      .filter((name) => !approved.has(name))
      .map((name) => `package.json: install script of ${name} is not approved`),
    ...[...approved]
      .filter((name) => !needed.has(name))
      .map((name) => `package.json: ${name} has no install script`),
  ]
}
