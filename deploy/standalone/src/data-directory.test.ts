import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { takeDataDirectory } from './data-directory.ts'

let parent: string

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'vouch-data-'))
})

afterEach(() => rm(parent, { recursive: true }))

describe('a data directory', () => {
  it('is made with its parents, belongs to one owner, and is free again afterwards', async () => {
    const path = join(parent, 'a', 'b')
    const first = unwrap(await takeDataDirectory(path))
    expect(await takeDataDirectory(path)).toMatchObject({
      ok: false,
      fault: { code: 'DATA_DIRECTORY_LOCKED' },
    })
    first.release()
    unwrap(await takeDataDirectory(path)).release()
  })

  it.each(['2\n', '999\n', 'garbage', ''])(
    'is left alone in format %j, and free for its owner',
    async (format) => {
      unwrap(await takeDataDirectory(parent)).release()
      await writeFile(join(parent, 'format'), format)
      const refused = { ok: false, fault: { code: 'DATA_DIRECTORY_NEWER' } }
      expect(await takeDataDirectory(parent)).toMatchObject(refused)
      expect(await takeDataDirectory(parent)).toMatchObject(refused)
    },
  )

  it.each(['/proc/vouch/data', '/dev/null/data'])('cannot be %s, and says so at once', async (path) => {
    expect(await takeDataDirectory(path)).toMatchObject({
      ok: false,
      fault: { code: 'DATA_DIRECTORY_UNWRITABLE' },
    })
  })
})
