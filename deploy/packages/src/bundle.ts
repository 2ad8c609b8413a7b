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

/** Engines are asked at their socket, never through a shell on another host. */
const LEFT_OUT = new Set(['ssh2'])
const NOTHING = '\0nothing'

/** Bundles the agent. Throws where it would still import something from outside of Node. */
export async function bundleAgent(): Promise<Bundle> {
  const input = fileURLToPath(import.meta.resolve('@vouch/agent/main.ts'))
  // Comments of the bundle name modules relative to `cwd`, so the place of the clone does not count.
  const cwd = fileURLToPath(new URL('../../..', import.meta.url))
  const bundle = await rolldown({ input, cwd, platform: 'node', plugins: [leaveOut], logLevel: 'silent' })
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false })
  await bundle.close()
  const [chunk] = output
  const imports = [...chunk.imports, ...chunk.dynamicImports]
  const strangers = imports.filter((name) => !isBuiltin(name) && name !== chunk.fileName)
  if (output.length > 1 || strangers.length > 0)
    throw new Error(`the agent is not in one module: ${strangers.join(', ')}`)
  const packages = new Set(Object.keys(chunk.modules).flatMap(packageOf))
  const profiles = join(dirname(input), '../profiles')
  const assets = readdirSync(profiles).map((name) => [`profiles/${name}`, join(profiles, name)])
  return { script: chunk.code, assets: Object.fromEntries(assets), packages: [...packages].toSorted() }
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
