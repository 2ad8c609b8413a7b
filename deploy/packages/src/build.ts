import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AGENT_VERSION } from '@vouch/agent/version.ts'
import { bundleAgent } from './bundle.ts'
import { DEBIAN_ARCHITECTURE, debianPackage } from './debian.ts'
import { writeExecutable } from './executable.ts'
import { noticesOf } from './notices.ts'

/** Paths of what was built. */
export interface Built {
  readonly executable: string
  readonly notices: string
  readonly debian: string
}

/** Builds every package of the agent into a folder. */
export async function build(folder: string): Promise<Built> {
  const built = {
    executable: join(folder, 'vouch-agent'),
    notices: join(folder, 'NOTICES.txt'),
    debian: join(folder, `vouch-agent_${AGENT_VERSION}_${DEBIAN_ARCHITECTURE}.deb`),
  }
  const bundle = await bundleAgent()
  const notices = noticesOf(bundle.packages)
  writeFileSync(built.notices, notices)
  await writeExecutable(bundle, built.executable)
  const agent = readFileSync(built.executable)
  const readme = readFileSync(new URL('../README.md', import.meta.resolve('@vouch/agent/main.ts')))
  writeFileSync(built.debian, debianPackage({ agent, notices, readme, version: AGENT_VERSION }))
  return built
}
