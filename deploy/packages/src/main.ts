import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleAgent } from './bundle.ts'
import { writeExecutable } from './executable.ts'
import { noticesOf } from './notices.ts'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
rmSync(dist, { recursive: true, force: true })
mkdirSync(dist)
const bundle = await bundleAgent()
const files = { executable: join(dist, 'vouch-agent'), notices: join(dist, 'NOTICES.txt') }
await writeExecutable(bundle, files.executable)
writeFileSync(files.notices, noticesOf(bundle.packages))
for (const file of Object.values(files)) process.stdout.write(`${file} ${statSync(file).size}\n`)
