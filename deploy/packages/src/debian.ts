import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { tarOf } from './tar.ts'
import type { Entry } from './tar.ts'

/** What a Debian package of the agent is made of. */
export interface Parts {
  /** The executable. */
  readonly agent: Uint8Array
  readonly notices: string
  readonly readme: Uint8Array
  readonly version: string
}

/** Architecture of the executable, as Debian names it. */
export const DEBIAN_ARCHITECTURE: string = process.arch === 'x64' ? 'amd64' : process.arch

/** Packages of the libraries that the executable loads; 2.28 is the oldest C library that this Node runs on. */
const DEPENDS = 'libc6 (>= 2.28), libstdc++6 (>= 8), libgcc-s1 | libgcc1, libatomic1, systemd | adduser'
const DESCRIPTION = `meters a host and delivers signed readings
 Reads the counters of the host, of containers and of devices, signs what it
 read, keeps it until the collector has it, and delivers it.`
const CONFFILES = ['etc/vouch/agent.env']
const SCRIPTS = ['postinst', 'prerm', 'postrm']
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 9 } }

/** A Debian package. The same parts give the same octets. */
export function debianPackage(parts: Parts): Buffer {
  const files = filesOf(parts)
  const octets = files.reduce((sum, { content }) => sum + (content?.length ?? 0), 0)
  const constant = files.filter(({ path }) => !CONFFILES.includes(path))
  const sums = constant.map(({ path, content = new Uint8Array() }) => `${md5(content)}  ${path}\n`)
  const control = [
    text('control', controlOf(parts.version, Math.ceil(octets / 1024))),
    text('conffiles', CONFFILES.map((path) => `/${path}\n`).join('')),
    text('md5sums', sums.toSorted().join('')),
    ...SCRIPTS.map((name) => ({ path: name, mode: 0o755, content: resource(name) })),
  ]
  return arOf([
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', gzipSync(tarOf(control))],
    ['data.tar.zst', zstdCompressSync(tarOf(files), ZSTD)],
  ])
}

function filesOf({ agent, notices, readme }: Parts): Entry[] {
  const units = ['vouch-agent.service', 'vouch-docker-proxy.service']
  return [
    { path: 'usr/bin/vouch-agent', mode: 0o755, content: agent },
    ...units.map((unit) => file(`usr/lib/systemd/system/${unit}`, resource(unit))),
    file('usr/lib/sysusers.d/vouch-agent.conf', resource('vouch-agent.sysusers')),
    file('etc/vouch/agent.env', resource('agent.env')),
    file('usr/share/doc/vouch-agent/README.md', readme),
    text('usr/share/doc/vouch-agent/copyright', notices),
  ]
}

function controlOf(version: string, sizeKiB: number): string {
  return `Package: vouch-agent
Version: ${version}
Section: admin
Priority: optional
Architecture: ${DEBIAN_ARCHITECTURE}
Maintainer: Vouch contributors <contributors@vouch.invalid>
Installed-Size: ${sizeKiB}
Depends: ${DEPENDS}
Description: ${DESCRIPTION}
`
}

/** An archive as `ar` writes it. */
function arOf(members: readonly (readonly [name: string, content: Uint8Array])[]): Buffer {
  const parts = members.flatMap(([name, content]) => {
    const fields = [name.padEnd(16), '0'.padEnd(12), '0'.padEnd(6), '0'.padEnd(6), '100644'.padEnd(8)]
    const header = `${fields.join('')}${String(content.length).padEnd(10)}\`\n`
    return [Buffer.from(header), content, Buffer.from(content.length % 2 === 1 ? '\n' : '')]
  })
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts])
}

function file(path: string, content: Uint8Array): Entry {
  return { path, mode: 0o644, content }
}

function text(path: string, content: string): Entry {
  return file(path, Buffer.from(content))
}

function resource(name: string): Buffer {
  return readFileSync(new URL(`../debian/${name}`, import.meta.url))
}

function md5(content: Uint8Array): string {
  return createHash('md5').update(content).digest('hex')
}
