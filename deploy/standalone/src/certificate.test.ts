import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { channelTo } from '@vouch/agent/grpc/channel.ts'
import {
  GetPolicyRequestSchema,
  GetPolicyResponseSchema,
  PolicyService,
} from '@vouch/proto/gen/vouch/policy/v1/policy_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { addService, faultOfError, makeClient } from '@vouch/proto/wire/grpc.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureCertificate } from './certificate.ts'
import type { TlsFiles } from './certificate.ts'
import { takeDataDirectory } from './data-directory.ts'
import type { DataDirectory } from './data-directory.ts'

const DEADLINE_MS = 5000
const server = new Server()
let directory: DataDirectory
let files: TlsFiles
let port = 0

beforeAll(async () => {
  directory = unwrap(await takeDataDirectory(await mkdtemp(join(tmpdir(), 'vouch-tls-'))))
  files = await ensureCertificate(directory, ['localhost', '127.0.0.1'])
  addService(server, PolicyService, { getPolicy: (_, reply) => reply(null, create(GetPolicyResponseSchema)) })
  const [cert, key] = await Promise.all([readFile(files.certFile), readFile(files.keyFile)])
  const credentials = ServerCredentials.createSsl(null, [{ cert_chain: cert, private_key: key }])
  port = await new Promise((resolve, reject) => {
    server.bindAsync('0.0.0.0:0', credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
})

afterAll(async () => {
  server.forceShutdown()
  directory.release()
  await rm(directory.path, { recursive: true })
})

/** 'connected', or the code of the fault. */
async function dial(host: string, caFile: string | undefined): Promise<string> {
  const address = `${host}:${port}`
  const { credentials, options } = unwrap(channelTo({ address, caFile, tls: true }))
  const client = makeClient(PolicyService, address, credentials, options)
  try {
    await client.getPolicy(create(GetPolicyRequestSchema), { deadline: Date.now() + DEADLINE_MS })
    return 'connected'
  } catch (error) {
    return faultOfError(error).code
  } finally {
    client.close()
  }
}

describe("the installation's certificate", () => {
  it('serves agents that dial a name, and agents that dial an address', async () => {
    expect(await dial('localhost', files.caFile)).toBe('connected')
    expect(await dial('127.0.0.1', files.caFile)).toBe('connected')
  })

  it('does not serve an address that it does not name', async () => {
    expect(await dial('127.0.0.2', files.caFile)).toBe('UNAVAILABLE')
  })

  it('is not trusted without its CA', async () => {
    expect(await dial('localhost', undefined)).toBe('UNAVAILABLE')
  })

  it('stays while it serves, and is renewed when the names change, under the same CA', async () => {
    const [before, authority] = await Promise.all([
      readFile(files.certFile, 'utf8'),
      readFile(files.caFile, 'utf8'),
    ])
    await ensureCertificate(directory, ['localhost', '127.0.0.1'])
    expect(await readFile(files.certFile, 'utf8')).toBe(before)
    await ensureCertificate(directory, ['localhost', 'vouch.example.net'])
    expect(await readFile(files.certFile, 'utf8')).not.toBe(before)
    expect(await readFile(files.caFile, 'utf8')).toBe(authority)
  })
})
