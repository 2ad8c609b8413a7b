import { existsSync, readdirSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import type { Plugin } from 'rolldown'

/** The agent with everything that it imports, as one module. */
export interface Bundle {
  readonly script: string
  /** Paths of the files that the agent reads of its own, under the names by which it asks for them. */
  readonly assets: Readonly<Record<string, string>>
  /** Folders of the packages from npm that went in, sorted. */
  readonly packages: readonly string[]
}

/** What only servers load that tell of their channels, and what is loaded elsewhere than on Linux alone. */
const LEFT_OUT = new Set([
  '@grpc/proto-loader',
  ...(process.platform === 'linux' ? ['systeminformation'] : []),
])
const NOTHING = '\0nothing'

/** Bundles the agent. Throws where it would still import something from outside of Node. */
export async function bundleAgent(): Promise<Bundle> {
  const input = fileURLToPath(import.meta.resolve('@vouch/agent/main.ts'))
  // Comments of the bundle name modules relative to `cwd`, so the place of the clone does not count.
  const cwd = fileURLToPath(new URL('../../..', import.meta.url))
  const bundle = await rolldown({ input, cwd, platform: 'node', plugins: [leaveOut], logLevel: 'silent' })
  const minify = { compress: false, mangle: false, codegen: { removeWhitespace: true } } as const
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false, minify })
  await bundle.close()
  const [chunk] = output
  const imports = [...chunk.imports, ...chunk.dynamicImports]
  const strangers = imports.filter((name) => !isBuiltin(name) && name !== chunk.fileName)
  if (output.length > 1 || strangers.length > 0)
    throw new Error(`the agent is not in one module: ${strangers.join(', ')}`)
  const packages = new Set(Object.keys(chunk.modules).flatMap(packageOf))
  const profiles = join(dirname(input), '../profiles')
  const assets = readdirSync(profiles).map((name) => [`profiles/${name}`, join(profiles, name)])
  return {
    script: inAscii(withBuiltins(chunk.code)),
    assets: Object.fromEntries(assets),
    packages: [...packages].toSorted(),
  }
}

/**
 * An import of a module of Node evaluates everything that it exports: with `node:http` a whole client for the web, of
 * 16 MiB. What is taken from the module itself is not.
 */
function withBuiltins(script: string): string {
  return script.replaceAll(/\bimport(\{[^}]*\})from"(node:[^"]+)";/g, (_, names: string, module: string) => {
    const taken = names.replaceAll(/(\S+) as (\S+?)([,}])/g, '$1:$2$3')
    return `const${taken}=process.getBuiltinModule("${module}");`
  })
}

/** One character beyond Latin-1 would make every character of the script two octets in memory. */
function inAscii(script: string): string {
  return script.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const leaveOut: Plugin = {
  name: 'leave-out',
  resolveId: (id) => (LEFT_OUT.has(id) ? NOTHING : undefined),
  load: (id) => (id === NOTHING ? 'export {}' : undefined),
}

/** Folder of the npm package that a module is of; none for the agent's own modules. */
function packageOf(module: string): string[] {
  const inside = module.lastIndexOf('/node_modules/')
  if (inside < 0) return []
  let folder = dirname(module.replaceAll('\0', ''))
  while (!existsSync(join(folder, 'package.json')) || !/node_modules\/(@[^/]+\/)?[^/]+$/.test(folder))
    folder = dirname(folder)
  return [folder]
}
