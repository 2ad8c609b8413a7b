import { mkdirSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from './build.ts'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
rmSync(dist, { recursive: true, force: true })
mkdirSync(dist)
for (const file of Object.values(await build(dist))) process.stdout.write(`${file} ${statSync(file).size}\n`)
