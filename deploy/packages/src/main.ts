import { mkdirSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildDebian, buildExecutable, buildImage } from './build.ts'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
rmSync(dist, { recursive: true, force: true })
mkdirSync(dist)
const built = await buildExecutable(dist)
const files = [built.executable, built.notices, buildDebian(dist, built), await buildImage(dist, built)]
for (const file of files) process.stdout.write(`${file} ${statSync(file).size}\n`)
