import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureCertificate, issueCertificate } from '@vouch/standalone/certificate.ts'
import type { TlsFiles } from '@vouch/standalone/certificate.ts'

/** An operator's certificates, in a directory of their own. */
export interface Estate {
  readonly directory: string
  readonly collector: TlsFiles
  /** Settings of a collector that shows its certificate. */
  readonly collectorEnv: Readonly<Record<string, string>>
  /** Certificate of an agent on this machine: for servers, unless it is to serve as a collector's. */
  agent(name: string): Promise<{ readonly certFile: string; readonly keyFile: string }>
  remove(): void
}

const NAMES = ['127.0.0.1', 'localhost']

/** Makes a certificate authority and a collector's certificate. */
export async function makeEstate(): Promise<Estate> {
  const directory = mkdtempSync(join(tmpdir(), 'vouch-estate-'))
  const at = (...parts: string[]): string => join(directory, ...parts)
  mkdirSync(at('agents'))
  const collector = await ensureCertificate({ at }, NAMES)
  return {
    directory,
    collector,
    collectorEnv: {
      VOUCH_TLS: 'on',
      VOUCH_TLS_CERT_FILE: collector.certFile,
      VOUCH_TLS_KEY_FILE: collector.keyFile,
      VOUCH_TLS_CA_FILE: collector.caFile,
    },
    agent: async (name) => {
      const files = { certFile: at('agents', `${name}.pem`), keyFile: at('agents', `${name}.key`) }
      await issueCertificate({ at }, { names: NAMES, usage: 'server', ...files })
      return files
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** An address of this machine that nobody listens on. */
export async function freeAddress(): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `127.0.0.1:${port}`
}
