import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ENVIRONMENT } from './executable.ts'
import { MODIFIED_S, tarOf } from './tar.ts'
import type { Entry } from './tar.ts'

/** What the image of a container is made of. */
export interface ImageParts {
  /** The executable. */
  readonly agent: Uint8Array
  /** Paths of the libraries that it loads, on this machine and in the image. */
  readonly libraries: readonly string[]
  readonly notices: string
  readonly version: string
}

/** User and group in the container: not root, and nobody that a host has. */
const USER = 10_001
const STATE = 'var/lib/vouch-agent'
const PROXY = 'run/vouch-docker-proxy'
const LIBRARIES = `${'-'.repeat(72)}
The libraries below /lib and /lib64 are the GNU C Library (LGPL-2.1-or-later) and the run-time libraries of GCC
(GPL-3.0-or-later with the GCC Runtime Library Exception), as the system has them that the image was built on.
`
const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch

/**
 * An image for `docker load`, with one layer: the executable, its libraries and nothing that writes, runs or downloads
 * anything else. The same parts give the same octets.
 */
export function containerImage({ agent, libraries, notices, version }: ImageParts): Buffer {
  const layer = tarOf([
    { path: 'usr/bin/vouch-agent', mode: 0o755, content: agent },
    ...libraries.map((path) => ({ path: path.slice(1), mode: 0o755, content: readFileSync(path) })),
    text('etc/passwd', `root:x:0:0::/:\nvouch:x:${USER}:${USER}::/${STATE}:\n`),
    text('etc/group', `root:x:0:\nvouch:x:${USER}:\n`),
    text('etc/nsswitch.conf', 'hosts: files dns\n'),
    text('usr/share/doc/vouch-agent/copyright', notices + LIBRARIES),
    { path: 'host', mode: 0o755 },
    // Where a read-only root has volumes: they begin with the owner of what they cover.
    { path: STATE, mode: 0o700, owner: USER },
    { path: PROXY, mode: 0o750, owner: USER },
  ])
  const config = JSON.stringify(configOf(layer, version))
  const name = `${sha256(Buffer.from(config))}.json`
  const manifest = [{ Config: name, RepoTags: [`vouch-agent:${version}`], Layers: ['layer.tar'] }]
  return tarOf([
    text('manifest.json', JSON.stringify(manifest)),
    text(name, config),
    { path: 'layer.tar', mode: 0o644, content: layer },
  ])
}

function configOf(layer: Uint8Array, version: string): object {
  const created = new Date(MODIFIED_S * 1000).toISOString()
  return {
    architecture: ARCHITECTURE,
    os: 'linux',
    created,
    config: {
      User: `${USER}:${USER}`,
      Env: ['PATH=/usr/bin', ...Object.entries(ENVIRONMENT).map((pair) => pair.join('='))],
      Entrypoint: ['/usr/bin/vouch-agent'],
      WorkingDir: '/',
      Volumes: { [`/${STATE}`]: {} },
      Labels: {
        'org.opencontainers.image.title': 'vouch-agent',
        'org.opencontainers.image.version': version,
        'org.opencontainers.image.licenses': 'Apache-2.0',
      },
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    history: [{ created, created_by: 'npm run build -w deploy/packages' }],
  }
}

function text(path: string, content: string): Entry {
  return { path, mode: 0o644, content: Buffer.from(content) }
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
