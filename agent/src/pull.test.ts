import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { RejectionSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { FaultError, unwrap } from '@vouch/proto/kernel/fault.ts'
import { TAGS, generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { doctor } from './doctor.ts'
import { openIdentity, publicKeyIn } from './host/identity.ts'
import { createAgent, readAgentConfig } from './index.ts'
import type { Agent, Logger } from './index.ts'
import { FakePuller } from './testing/fake-puller.ts'
import { World } from './testing/world.ts'

const PATIENCE = { timeout: 5_000, interval: 10 }
const SIGNER = signerOf(generateKeys().privateKey)
const OTHER = signerOf(generateKeys().privateKey)

let directory = ''
let agent: Agent
let world: World
let agentKey: Uint8Array
const pullers: FakePuller[] = []
const logged: string[] = []
const log = (_: object, message: string): void => void logged.push(message)
const logger: Logger = { debug: log, info: log, warn: log, error: log }

const configured = (over: Readonly<Record<string, string>> = {}) =>
  unwrap(
    readAgentConfig({
      VOUCH_AGENT_STATE_DIR: directory,
      VOUCH_AGENT_PULL_LISTEN: '127.0.0.1:0',
      VOUCH_TLS: 'off',
      VOUCH_AGENT_CADENCE_MS: '1000',
      VOUCH_AGENT_STOP_TIMEOUT_MS: '0',
      ...over,
    }),
  )

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-pull-'))
  logged.length = 0
  const store = unwrap(openIdentity(directory))
  store.keep({ agentId: new Uint8Array(16).fill(7), collectorPublicKey: SIGNER.publicKey })
  unwrap(store.signer())
  agentKey = unwrap(publicKeyIn(directory))
  world = new World()
  agent = createAgent({ config: configured(), logger, sources: [world], clock: world })
  await agent.open()
})
afterEach(async () => {
  for (const puller of pullers.splice(0)) puller.close()
  await agent.stop()
  rmSync(directory, { recursive: true })
})

async function dialled(signer = SIGNER): Promise<FakePuller> {
  const puller = await FakePuller.dial(agent.status().listensOn ?? '', signer)
  pullers.push(puller)
  return puller
}

/** A collector that the agent has welcomed. */
async function connected(): Promise<FakePuller> {
  const puller = await dialled()
  puller.welcome(await puller.challenge(agentKey))
  return puller
}

async function sealed(batches: number): Promise<void> {
  for (let count = 0; count < batches; count += 1) {
    world.pass(1000, 10n)
    await agent.sampleOnce()
    unwrap(agent.sealBatch())
  }
}

/** How the agent ends a call: in order, or with a code. */
const ending = async (puller: FakePuller): Promise<string> => {
  try {
    for (;;) if ((await puller.next()) === undefined) return 'in order'
  } catch (error) {
    return error instanceof FaultError ? error.fault.code : 'broken'
  }
}

describe('a dialled agent', () => {
  it('delivers in order, window by window, and deletes on receipts only', async () => {
    await sealed(10)
    const puller = await connected()
    expect(await puller.take(10, agentKey)).toEqual(
      Array.from({ length: 10 }, (_, index) => BigInt(index + 1)),
    )
    expect(await agent.flush(5_000)).toBe(true)
    await sealed(1)
    expect(await puller.take(1, agentKey)).toEqual([11n])
    await vi.waitFor(
      () => expect(agent.status()).toMatchObject({ spooledBatches: 0, fault: undefined }),
      PATIENCE,
    )
    expect(agent.status().clockOffsetMs).toBeDefined()
  })

  it('names very many streams as they are read, and then delivers', async () => {
    const samples = Array.from({ length: 4000 }, (_, index) => ({
      resource: `device:a/interface:${index}`,
      meter: 'interface.octets.in',
      value: 1n,
      attributes: { ifAlias: 'a customer of the building' },
    }))
    world.look = () => Promise.resolve([{ samples }])
    await sealed(1)
    const puller = await connected()
    const named = new Set<string>()
    for (let kind = await puller.next(); kind?.case !== 'batch'; kind = await puller.next()) {
      expect(kind?.case).toMatch(/^(definitions|status)$/)
      if (kind?.case === 'definitions') for (const { resource } of kind.value.streams) named.add(resource)
    }
    expect(named.size).toBe(4000)
  })

  it.each([
    ['another key signs', async (puller: FakePuller, hello) => puller.welcome(hello)],
    [
      'nobody signs',
      async (puller: FakePuller, hello) => puller.welcome(hello, { signature: new Uint8Array() }),
    ],
    [
      'the signature is of another hello',
      async (puller: FakePuller, hello) => {
        const { nonce } = await (await dialled()).challenge(agentKey)
        puller.welcome({ ...hello, nonce })
      },
    ],
    [
      'the signature is of something else',
      async (puller: FakePuller, hello) =>
        puller.welcome(hello, { signature: SIGNER.sign(TAGS.receipt, new Uint8Array()) }),
    ],
  ] satisfies [
    string,
    (puller: FakePuller, hello: Awaited<ReturnType<FakePuller['challenge']>>) => Promise<void>,
  ][])('sends nothing where %s', async (how, welcome) => {
    await sealed(2)
    const puller = await dialled(how === 'another key signs' ? OTHER : SIGNER)
    await welcome(puller, await puller.challenge(agentKey))
    expect(await ending(puller)).toBe('SIGNATURE_INVALID')
    expect(agent.status()).toMatchObject({ spooledBatches: 2, fault: { code: 'SIGNATURE_INVALID' } })
    expect(await (await connected()).take(2, agentKey)).toEqual([1n, 2n])
  })

  it('goes over to the collector that has shown last who it is, and to nobody else', async () => {
    await sealed(2)
    const first = await connected()
    expect(await first.take(1, agentKey)).toEqual([1n])
    const stranger = await dialled(OTHER)
    stranger.welcome(await stranger.challenge(agentKey))
    expect(await ending(stranger)).toBe('SIGNATURE_INVALID')
    expect(agent.status().fault).toBeUndefined()
    expect(await first.take(1, agentKey)).toEqual([2n])
    await sealed(1)
    const second = await connected()
    expect(await ending(first)).toBe('UNAVAILABLE')
    expect(await second.take(1, agentKey)).toEqual([3n])
    expect(await agent.flush(5_000)).toBe(true)
    expect(agent.status().fault).toBeUndefined()
  })

  it('believes no refusal of a stranger: its key stays, and the collector is welcome', async () => {
    const store = unwrap(openIdentity(directory))
    const next = store.nextSigner()
    for (const code of ['KEY_RETIRED', 'AGENT_REVOKED', 'no code at all', 'KEY_UNKNOWN']) {
      const puller = await dialled(OTHER)
      await puller.challenge(code === 'KEY_RETIRED' ? agentKey : next.publicKey)
      puller.send({ case: 'rejection', value: create(RejectionSchema, { code, message: 'go' }) })
      expect(await ending(puller)).not.toBe('in order')
    }
    expect(Buffer.from(unwrap(store.signer()).publicKey).equals(agentKey)).toBe(true)
    await sealed(1)
    expect(await (await connected()).take(1, agentKey)).toEqual([1n])
  })

  it('ends calls with what is no frame, and lives on', async () => {
    const noise = [
      Uint8Array.of(255),
      new Uint8Array(1000).fill(8),
      Uint8Array.of(10, 200),
      new Uint8Array(2 << 20),
    ]
    for (const bytes of noise) {
      const puller = await dialled()
      await puller.challenge(agentKey)
      puller.call.write(bytes)
      expect(await ending(puller)).not.toBe('in order')
    }
    const odd = await dialled()
    odd.send({ case: undefined })
    odd.welcome(await odd.challenge(agentKey))
    odd.welcome(await dialled().then((other) => other.challenge(agentKey)))
    await sealed(1)
    expect(await odd.take(1, agentKey)).toEqual([1n])
  })

  it('bounds those that have not shown who they are, and lets the collector in all the same', async () => {
    await sealed(1)
    const [host = '', port = ''] = (agent.status().listensOn ?? '').split(':')
    const crowd = Array.from({ length: 40 }, () =>
      connect(Number(port), host)
        .on('error', () => undefined)
        .resume(),
    )
    await vi.waitFor(
      () => expect(crowd.filter((socket: Socket) => socket.closed).length).toBeGreaterThanOrEqual(24),
      PATIENCE,
    )
    expect(await (await connected()).take(1, agentKey)).toEqual([1n])
    for (const socket of crowd) socket.destroy()
  })
})

describe('a key whose rotation was not heard of', () => {
  it('is tried after a refusal, and put in force by the collector only', async () => {
    const next = unwrap(openIdentity(directory)).nextSigner()
    const keyInForce = (): Uint8Array => unwrap(publicKeyIn(directory))
    const refused = await dialled()
    await refused.challenge(agentKey)
    refused.send({ case: 'rejection', value: create(RejectionSchema, { code: 'KEY_RETIRED' }) })
    expect(await ending(refused)).toBe('KEY_RETIRED')
    const stranger = await dialled(OTHER)
    stranger.welcome(await stranger.challenge(next.publicKey))
    expect(await ending(stranger)).toBe('SIGNATURE_INVALID')
    expect(Buffer.from(keyInForce()).equals(agentKey)).toBe(true)
    const puller = await dialled()
    puller.welcome(await puller.challenge(next.publicKey))
    await vi.waitFor(() => expect(Buffer.from(keyInForce()).equals(next.publicKey)).toBe(true), PATIENCE)
    await sealed(1)
    expect(await puller.take(1, next.publicKey)).toEqual([1n])
  })
})

describe('the doctor', () => {
  it('says whether the door is open, and when the collector was heard', async () => {
    await agent.stop()
    agent = createAgent({ config: configured(), logger })
    await agent.open()
    const address = agent.status().listensOn ?? ''
    const config = configured({ VOUCH_AGENT_PULL_LISTEN: address })
    const before = (await doctor(config)).text
    expect(before).toContain(`ok    door: ${address} is open for collectors`)
    expect(before).toMatch(/^warn {2}collector: no collector was heard yet; have the operator/m)
    await connected()
    await vi.waitFor(async () => {
      const { text } = await doctor(config)
      expect(text).toMatch(/^ok {4}collector: heard \d+ s ago$/m)
      expect(text).toMatch(/^ok {4}clock: the collector is \d+ ms (?:ahead|behind)$/m)
    }, PATIENCE)
    await agent.stop()
    expect((await doctor(config)).text).toContain(`warn  door: nobody listens on ${address}; start the agent`)
  })
})

it.each([
  ['CONFIG_INVALID', { VOUCH_AGENT_PULL_LISTEN: '0.0.0.0:7411', VOUCH_TLS: 'off' }],
  [
    'CONFIG_INVALID',
    { VOUCH_AGENT_PULL_LISTEN: '127.0.0.1:0', VOUCH_TLS: 'off', VOUCH_AGENT_COLLECTOR: 'far:1' },
  ],
  ['CONFIG_INVALID', { VOUCH_AGENT_PULL_LISTEN: 'here' }],
  ['CONFIG_MISSING', { VOUCH_AGENT_PULL_LISTEN: '0.0.0.0:7411', VOUCH_TLS_CA_FILE: 'ca.pem' }],
  [
    'CONFIG_MISSING',
    {
      VOUCH_AGENT_PULL_LISTEN: '0.0.0.0:7411',
      VOUCH_AGENT_TLS_CERT_FILE: 'agent.pem',
      VOUCH_AGENT_TLS_KEY_FILE: 'agent-tls.key',
    },
  ],
])('%s: a door as in %j', (code, env) => {
  expect(readAgentConfig(env)).toMatchObject({ fault: { code } })
})
