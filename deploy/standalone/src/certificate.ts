import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'
import type { DataDirectory } from './data-directory.ts'

/** Paths of what TLS needs on both sides. */
export interface TlsFiles {
  /** The CA that clients trust. */
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
}

const DAY_MS = 86_400_000
const CA_DAYS = 3650
const SERVER_DAYS = 397
const RENEW_DAYS = 30
const USAGES: Readonly<Record<CertificateOrder['usage'], x509.ExtendedKeyUsage[]>> = {
  server: [x509.ExtendedKeyUsage.serverAuth],
  'server and client': [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth],
}
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** What a certificate is for, and where it goes. */
export interface CertificateOrder {
  /** Host names or addresses. */
  readonly names: readonly string[]
  /** Its holder serves, or dials others with it too. */
  readonly usage: 'server' | 'server and client'
  readonly certFile: string
  readonly keyFile: string
}

type Place = Pick<DataDirectory, 'at'>

/**
 * The installation's own CA, made once, and the certificate of its collector, which dials agents with it too, for
 * `names` (host names or addresses); renewed when it is about to end, or the names change. The CA's key stays in the
 * data directory, mode 0600.
 */
export async function ensureCertificate(directory: Place, names: readonly string[]): Promise<TlsFiles> {
  const files = {
    caFile: directory.at('tls-ca.pem'),
    certFile: directory.at('tls-server.pem'),
    keyFile: directory.at('tls-server.key'),
  }
  const ca = await authorityIn(directory)
  const current = await readFile(files.certFile, 'utf8').catch(() => undefined)
  if (current === undefined || !stillServes(new x509.X509Certificate(current), names)) {
    const { certFile, keyFile } = files
    await issue(ca, { names, usage: 'server and client', certFile, keyFile })
  }
  return files
}

/** Issues a certificate under the installation's CA, which is made at first use. */
export async function issueCertificate(directory: Place, order: CertificateOrder): Promise<void> {
  await issue(await authorityIn(directory), order)
}

async function authorityIn(directory: Place): Promise<Authority> {
  x509.cryptoProvider.set(webcrypto)
  return ensureAuthority(directory.at('tls-ca.pem'), directory.at('tls-ca.key'))
}

interface Authority {
  readonly certificate: x509.X509Certificate
  readonly key: CryptoKey
}

async function ensureAuthority(caFile: string, keyFile: string): Promise<Authority> {
  const existing = await Promise.all([readFile(caFile, 'utf8'), readFile(keyFile, 'utf8')]).catch(
    () => undefined,
  )
  if (existing !== undefined) {
    const [pem, keyPem] = existing
    const der = x509.PemConverter.decodeFirst(keyPem)
    const key = await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])
    return { certificate: new x509.X509Certificate(pem), key }
  }
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Vouch installation CA',
    keys,
    ...validity(CA_DAYS),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  await writeFile(keyFile, await privatePem(keys.privateKey), { mode: 0o600 })
  await writeFile(caFile, `${certificate.toString('pem')}\n`)
  return { certificate, key: keys.privateKey }
}

async function issue(ca: Authority, { names, usage, certFile, keyFile }: CertificateOrder): Promise<void> {
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=Vouch',
    issuer: ca.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: ca.key,
    ...validity(SERVER_DAYS),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
      ),
      new x509.ExtendedKeyUsageExtension(USAGES[usage]),
      await x509.AuthorityKeyIdentifierExtension.create(ca.certificate),
    ],
  })
  await writeFile(keyFile, await privatePem(keys.privateKey), { mode: 0o600 })
  await writeFile(certFile, `${certificate.toString('pem')}\n`)
}

function stillServes(certificate: x509.X509Certificate, names: readonly string[]): boolean {
  if (certificate.notAfter.getTime() - Date.now() < RENEW_DAYS * DAY_MS) return false
  const usages = certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? []
  if (!USAGES['server and client'].every((usage) => usages.includes(usage))) return false
  const held = certificate
    .getExtension(x509.SubjectAlternativeNameExtension)
    ?.names.toJSON()
    .map(({ value }) => value)
  return names.length === held?.length && names.every((name) => held.includes(name))
}

/** The start lies a day back, so that a host whose clock is behind can connect. */
function validity(days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + days * DAY_MS) }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

async function privatePem(key: CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}
