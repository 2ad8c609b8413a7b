import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Bundle } from './bundle.ts'

const run = promisify(execFile)

/**
 * With what the agent's Node starts. Its heap grows by halves and not fourfold, its young generation stays at half of what V8
 * takes by itself, and one thread helps, as each has an arena of its own. While the tables of many devices are walked, V8 learns
 * that what questions are made of lives long, and would put it from then on where only a collection of everything frees it.
 */
const FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--heap-growing-percent=50',
  '--max-semi-space-size=16',
  '--v8-pool-size=1',
  '--no-allocation-site-pretenuring',
]

/**
 * Writes an executable that is the Node of this process with a script and the files that it reads inside. The same of
 * all three give the same octets.
 */
export async function writeExecutable(
  { script, assets }: Pick<Bundle, 'script' | 'assets'>,
  output: string,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'vouch-executable-'))
  try {
    // The executable keeps the name of its script as it is given here.
    const main = 'vouch-agent.mjs'
    writeFileSync(join(folder, main), script)
    const settings = {
      main,
      mainFormat: 'module',
      output: resolve(output),
      assets,
      disableExperimentalSEAWarning: true,
      execArgv: FLAGS,
      // What the agent runs is what was built: NODE_OPTIONS adds nothing to it.
      execArgvExtension: 'none',
    }
    writeFileSync(join(folder, 'config.json'), JSON.stringify(settings))
    await run(process.execPath, ['--build-sea', 'config.json'], { cwd: folder })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Paths of the shared libraries that an executable loads on this machine, the loader too. */
export async function librariesOf(executable: string): Promise<string[]> {
  const { stdout } = await run('ldd', [executable])
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path).toSorted()
}
