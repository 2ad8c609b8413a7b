import { chmod, mkdir, open, readFile, stat } from 'node:fs/promises'
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
    await mkdir(dirname(file), { recursive: true })
    const handle = await open(file, 'wx', 0o600)
    try {
      await handle.writeFile(`${toHex(generateKeys().privateKey)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await chmod(file, 0o600)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
      return fail('DATA_DIRECTORY_UNWRITABLE', `the issuer's key cannot be made at ${file}: ${String(error)}`)
    }
  }
  return read(file)
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
