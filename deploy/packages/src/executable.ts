import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Bundle } from './bundle.ts'

const run = promisify(execFile)

/**
 * With what the agent's Node starts. Its heap grows by a third at once and not fourfold, its young generation is small, as little
 * of what a look makes outlives it, and one thread helps, as each has a stack and caches of its own. Of V8's compilers the two in
 * the middle take more memory than they save time; the last is for the agent to turn on, whose start needs none. While the tables of many devices are walked,
 * V8 learns that what questions are made of lives long, and would put it from then on where only a collection of everything
 * frees it.
 */
const FLAGS = [
  '--disable-warning=ExperimentalWarning',
  '--heap-growing-percent=30',
  '--max-semi-space-size=4',
  '--v8-pool-size=1',
  '--no-sparkplug',
  '--no-maglev',
  '--no-opt',
  '--no-allocation-site-pretenuring',
]

/**
 * How the C library lays out what lies outside of V8's heap where a unit or an image starts the agent: in one arena for all
 * threads, and what is large never from there, however often it comes and goes. Source: mallopt(3).
 */
export const ENVIRONMENT = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TOP_PAD_: '65536',
  MALLOC_TRIM_THRESHOLD_: '131072',
} as const

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
