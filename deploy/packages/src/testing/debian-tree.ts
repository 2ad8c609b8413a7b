import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SYSTEM_PATH, TREE_ABSENT, Tree } from './tree.ts'

const run = promisify(execFile)
const DPKG = '/var/lib/dpkg'
const NOT_COPIED = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info', 'usr/share/i18n']

/** What tests that install packages lack here; empty = nothing. */
export const DEBIAN_ABSENT: string =
  TREE_ABSENT || (['/usr/bin/dpkg', `${DPKG}/status`].find((path) => !existsSync(path)) ?? '')

/** A package that this machine has, by its paragraph in dpkg's database. */
interface Installed {
  readonly name: string
  readonly paragraph: string
  readonly depends: readonly (readonly string[])[]
}

/**
 * A Debian system in a tree: packages that this machine has, what they depend on, and dpkg's own knowledge of them.
 */
export class DebianTree extends Tree {
  static async of(...names: readonly string[]): Promise<DebianTree> {
    const tree = new DebianTree()
    const packages = closureOf(names)
    const lists = packages.flatMap(({ name }) => globSync(`${DPKG}/info/${name}{,:*}.list`))
    const paths = new Set(lists.flatMap((list) => readFileSync(list, 'utf8').split('\n')))
    const files = [...paths].filter(
      (path) =>
        path.length > 2 && existsSync(path) && !NOT_COPIED.some((each) => path.startsWith(`/${each}`)),
    )
    const list = join(tree.root, 'tmp/files')
    writeFileSync(list, files.map((path) => `.${path}\n`).join(''))
    // Directories come by themselves, links of merged folders with base-files.
    const copy = `tar -C / --no-recursion -cf - -T ${list} | tar -C ${tree.root} --keep-directory-symlink -xpf -`
    for (const folder of ['bin', 'sbin', 'lib', 'lib64'])
      if (existsSync(`/usr/${folder}`)) await run('ln', ['-s', `usr/${folder}`, join(tree.root, folder)])
    for (const folder of [
      'usr/sbin',
      'usr/lib',
      'usr/lib64',
      'run',
      'sys',
      'dev',
      'root',
      `${DPKG}/info`,
      `${DPKG}/updates`,
    ])
      mkdirSync(join(tree.root, folder), { recursive: true })
    await run('sh', ['-c', copy], { maxBuffer: 1 << 24 })
    await run('cp', ['-a', ...lists, join(tree.root, DPKG, 'info')])
    tree.write(`${DPKG}/status`, packages.map(({ paragraph }) => `${paragraph}\n\n`).join(''))
    tree.write('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n')
    tree.write('etc/shadow', 'root:*:20000::::::\n')
    tree.write('etc/group', 'root:x:0:\n')
    return tree
  }

  /** Runs dpkg on the tree; its output, or its complaint as a rejection. */
  async dpkg(...args: readonly string[]): Promise<string> {
    const options = [`--root=${this.root}`, '--force-confdef', '--force-unsafe-io', '--force-confold']
    const { stdout } = await run('dpkg', [...options, ...args], { env: { PATH: SYSTEM_PATH } })
    return stdout
  }
}

/** Packages of this machine with everything that they depend on. */
function closureOf(names: readonly string[]): Installed[] {
  const known = new Map<string, Installed>()
  for (const paragraph of readFileSync(`${DPKG}/status`, 'utf8').split('\n\n')) {
    const field = (name: string): string => new RegExp(`^${name}: (.*)`, 'm').exec(paragraph)?.[1] ?? ''
    if (field('Status') !== 'install ok installed') continue
    const alternatives = (text: string): string[] =>
      text.split('|').map((each) => /^\s*([\w.+-]+)/.exec(each)?.[1] ?? '')
    const depends = `${field('Pre-Depends')},${field('Depends')}`.split(',').map(alternatives)
    const installed = { name: field('Package'), paragraph, depends }
    for (const name of [installed.name, ...field('Provides').split(',').flatMap(alternatives)])
      if (name !== '' && (name === installed.name || !known.has(name))) known.set(name, installed)
  }
  const chosen = new Set<Installed>()
  const add = (name: string): boolean => {
    const found = known.get(name)
    if (found === undefined) return false
    if (chosen.has(found)) return true
    chosen.add(found)
    for (const each of found.depends) each.some(add)
    return true
  }
  for (const name of names) if (!add(name)) throw new Error(`this machine has no package ${name}`)
  return [...chosen]
}
