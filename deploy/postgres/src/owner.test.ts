import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { barrier } from './owner.ts'

const STRANGER = { uid: 54321, gid: 54321 }
let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vouch-owner-'))
  await mkdir(join(root, 'inner'))
})

afterEach(() => rm(root, { recursive: true, force: true }))

test('names the first folder that the account cannot enter', async () => {
  await chmod(root, 0o700)
  expect(await barrier(join(root, 'inner'), STRANGER)).toBe(root)
  await chmod(root, 0o711)
  expect(await barrier(join(root, 'inner'), STRANGER)).toBeUndefined()
  await chmod(join(root, 'inner'), 0o750)
  expect(await barrier(join(root, 'inner'), STRANGER)).toBe(join(root, 'inner'))
})

test('our own account meets no barrier', async () => {
  await chmod(root, 0o000)
  expect(await barrier(root, {})).toBeUndefined()
})
