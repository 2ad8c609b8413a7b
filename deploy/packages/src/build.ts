import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AGENT_VERSION } from '@vouch/agent/version.ts'
import { bundleAgent } from './bundle.ts'
import { DEBIAN_ARCHITECTURE, debianPackage } from './debian.ts'
import { librariesOf, writeExecutable } from './executable.ts'
import { containerImage } from './image.ts'
import { noticesOf } from './notices.ts'

/** The executable, from which the other packages are made. */
export interface BuiltExecutable {
  readonly executable: string
  /** Path of the licences of everything inside. */
  readonly notices: string
}

/** Builds the executable into a folder; paths of what is there now. */
export async function buildExecutable(folder: string): Promise<BuiltExecutable> {
  const built = { executable: join(folder, 'vouch-agent'), notices: join(folder, 'NOTICES.txt') }
  const bundle = await bundleAgent()
  writeFileSync(built.notices, noticesOf(bundle.packages))
  await writeExecutable(bundle, built.executable)
  return built
}

/** Makes the Debian package of an executable; its path. */
export function buildDebian(folder: string, { executable, notices }: BuiltExecutable): string {
  const file = join(folder, `vouch-agent_${AGENT_VERSION}_${DEBIAN_ARCHITECTURE}.deb`)
  const parts = {
    agent: readFileSync(executable),
    notices: readFileSync(notices, 'utf8'),
    readme: readFileSync(new URL('../README.md', import.meta.resolve('@vouch/agent/main.ts'))),
    version: AGENT_VERSION,
  }
  writeFileSync(file, debianPackage(parts))
  return file
}

/** Makes the image of a container with an executable; its path. */
export async function buildImage(folder: string, { executable, notices }: BuiltExecutable): Promise<string> {
  const file = join(folder, 'vouch-agent-image.tar')
  const parts = {
    agent: readFileSync(executable),
    libraries: await librariesOf(executable),
    notices: readFileSync(notices, 'utf8'),
    version: AGENT_VERSION,
  }
  writeFileSync(file, containerImage(parts))
  return file
}
