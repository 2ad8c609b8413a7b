import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startFakeCollector } from '@vouch/agent/testing/fake-collector.ts'
import type { FakeCollector } from '@vouch/agent/testing/fake-collector.ts'
import { bundleAgent } from '@vouch/packages/bundle.ts'
import { ENVIRONMENT, writeExecutable } from '@vouch/packages/executable.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { startProgram } from './child.ts'
import type { Child } from './child.ts'

/** The agent's executable, started as its unit and its image do, and the collector in this process that it delivers to. */
export interface AgentProcess {
  readonly child: Child
  readonly collector: FakeCollector
  /** Where its state is. */
  readonly stateDir: string
  /** Lets it take its last look and deliver it; the collector keeps what arrived. */
  stop(): Promise<void>
}

const START_MAX_MS = 30_000
const START_POLL_MS = 20
const run = promisify(execFile)
let executable: Promise<string> | undefined

/**
 * Enrols and starts an agent whose state is below the directory; settles when it is connected and its sources have begun. The
 * collector checks batches and answers at once: what it costs is not the agent's. Throws UNAVAILABLE.
 */
export async function startAgent(
  directory: string,
  settings: Readonly<Record<string, string>>,
): Promise<AgentProcess> {
  const collector = await startFakeCollector()
  const stateDir = join(directory, 'agent')
  const tokenFile = join(directory, 'token')
  await mkdir(directory, { recursive: true })
  await writeFile(tokenFile, 'good')
  const child = startProgram(await (executable ??= buildAgent()), [], {
    VOUCH_AGENT_STATE_DIR: stateDir,
    VOUCH_AGENT_TOKEN_FILE: tokenFile,
    VOUCH_AGENT_COLLECTOR: collector.address,
    VOUCH_TLS: 'off',
    ...ENVIRONMENT,
    ...settings,
  })
  const stop = async (): Promise<void> => {
    await child.stop()
    await collector.stop()
  }
  try {
    await Promise.race([connected(collector), child.failed])
  } catch (error) {
    await stop()
    throw error
  }
  return { child, collector, stateDir, stop }
}

async function connected(collector: FakeCollector): Promise<void> {
  const deadlineMs = performance.now() + START_MAX_MS
  while (collector.connections === 0) {
    if (performance.now() > deadlineMs) throwFault('UNAVAILABLE', 'the agent does not connect')
    await sleep(START_POLL_MS)
  }
}

/**
 * Builds the executable, once. What was just written lies in memory in larger pieces than what is read from a disk, and
 * would make whoever runs it look larger: it is written through and dropped.
 */
async function buildAgent(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-bench-executable-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'vouch-agent')
  await writeExecutable(await bundleAgent(), file)
  await run('sync', [file])
  await run('dd', [`if=${file}`, 'iflag=nocache', 'count=0'])
  return file
}
