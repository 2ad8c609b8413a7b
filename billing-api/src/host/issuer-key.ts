import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fromHex, toHex } from '@vouch/proto/kernel/bytes.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'

const SEED_BYTES = 32
const OTHERS = 0o077

/**
 * The key that seals proofs: a file with the 32-byte seed in hexadecimal, readable by its owner only, made
 * when absent. Faults: CONFIG_INVALID where it is something else or open to others, DATA_DIRECTORY_UNWRITABLE.
 */
export async function openIssuerKey(file: string): Promise<Result<Signer>> {
  try {
    if (!existsSync(file)) await make(file)
  } catch (error) {
    return fail('DATA_DIRECTORY_UNWRITABLE', `the issuer's key cannot be made at ${file}: ${String(error)}`)
  }
  return read(file)
}

/** The file appears whole or not at all, and of two that are made at once one stays. */
async function make(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const draft = `${file}.${randomUUID()}`
  try {
    await writeFile(draft, `${toHex(generateKeys().privateKey)}\n`, { mode: 0o600, flag: 'wx', flush: true })
    await link(draft, file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await rm(draft, { force: true })
  }
}

async function read(file: string): Promise<Result<Signer>> {
  const { mode } = await stat(file)
  if ((mode & OTHERS) !== 0) {
    return fail('CONFIG_INVALID', `${file} is open to others; run chmod 600 on it, or make a new key`)
  }
  const seed = fromHex((await readFile(file, 'utf8')).trim())
  if (seed.ok && seed.value.length === SEED_BYTES) return ok(signerOf(seed.value))
  return fail('CONFIG_INVALID', `${file} does not hold an issuer's key: 64 hexadecimal digits`)
}
