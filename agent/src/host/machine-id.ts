import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import { readOrCreate } from './secret-file.ts'
import type { HostFiles } from './host-files.ts'

/** Names the purpose, so that the same machine has unrelated names in unrelated programs. */
const PURPOSE = 'vouch/host-id/v1'

/**
 * The resource of this host, `host:` and 16 hexadecimal digits. The machine id is confidential, so
 * only its HMAC leaves the host; without one, a random id kept in the state directory stands in.
 * Source: machine-id(5).
 */
export async function hostResource(files: HostFiles, stateDir: string): Promise<string> {
  const text = (await files.textOr('etc/machine-id', '')).trim()
  const id = /^[0-9a-f]{32}$/.test(text) ? text : readOrCreate(join(stateDir, 'machine-id'), 16).toHex()
  return `host:${createHmac('sha256', PURPOSE).update(id).digest('hex').slice(0, 16)}`
}
