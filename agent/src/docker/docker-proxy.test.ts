import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createSystemClock } from '../host/clock.ts'
import { createHostFiles } from '../host/host-files.ts'
import type { Look } from '../ports.ts'
import { startDockerProxy } from './docker-proxy.ts'
import type { DockerProxy } from './docker-proxy.ts'
import { createDockerSource } from './docker-source.ts'
import { ContainerEngine, ENGINE_ABSENT, dockerAt } from './testing/container-engine.ts'
import { quiet } from './testing/scene.ts'

const folder = mkdtempSync(join(tmpdir(), 'vouch-proxy-'))
afterAll(() => rmSync(folder, { recursive: true }))
const sockets = { dockerSocket: join(folder, 'engine.sock'), dockerProxySocket: join(folder, 'proxy.sock') }

/** What the server at the engine's socket was asked, with the names of headers. */
const asked: string[] = []
let handle: Parameters<typeof createServer>[1] & {}
let engine: Server
let proxy: DockerProxy

beforeEach(async () => {
  asked.length = 0
  handle = (_, response) => void response.end('{}')
  engine = createServer((incoming, response) => {
    const names = Object.keys(incoming.headers).toSorted().join(',')
    asked.push(`${incoming.method} ${incoming.url} ${names}`)
    handle(incoming, response)
  })
  await new Promise<void>((resolve) => void engine.listen(sockets.dockerSocket, resolve))
  proxy = unwrap(await startDockerProxy(sockets, quiet))
})
afterEach(async () => {
  await proxy.stop()
  engine.closeAllConnections()
  await new Promise((resolve) => void engine.close(resolve))
})

interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: NodeJS.Dict<string | string[]>
}

function ask(path: string, method = 'GET', headers = {}, body = ''): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const options = { socketPath: sockets.dockerProxySocket, path, method, headers, agent: false }
  request(options, (response) => {
    let text = ''
    response.on('data', (chunk) => void (text += String(chunk)))
    response.once('error', reject)
    response.once('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }))
  })
    .once('error', reject)
    .end(body)
  return promise
}

/** Sends octets as they are; everything that comes back until the proxy ends the connection. */
function speak(text: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect(sockets.dockerProxySocket, () => void socket.write(text))
  let heard = ''
  socket.on('data', (chunk) => void (heard += chunk.toString()))
  socket.once('error', () => undefined)
  socket.once('close', () => resolve(heard))
  return promise
}

const id = 'a'.repeat(64)

describe('the proxy of a container engine', () => {
  it('asks the engine only what is on the list, whatever it is asked', { timeout: 60_000 }, async () => {
    const onList =
      /^GET (\/v1\.\d\d)?\/(containers\/json|containers\/[\w.-]+\/json|events|version|info|_ping)(\?\S*)? connection,host$/
    const part = fc.oneof(
      fc.constantFrom('v1.44', 'containers', 'json', 'events', 'info', '_ping', 'version', id, 'images'),
      fc.constantFrom(
        '..',
        '.',
        '',
        '%2e%2e',
        '%2f',
        'json%00',
        'exec',
        'start',
        'archive',
        'attach',
        'logs',
      ),
      fc.string({ maxLength: 4 }).map(encodeURIComponent),
    )
    const path = fc
      .tuple(fc.array(part, { maxLength: 5 }), fc.constantFrom('', '?all=1', '?/../events', '#x', '/'))
      .map(([parts, end]) => `/${parts.join('/')}${end}`)
    const method = fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS')
    await fc.assert(
      fc.asyncProperty(method, path, async (verb, target) => {
        const before = asked.length
        const { status } = await ask(target, verb)
        const passed = asked.slice(before)
        expect(passed).toHaveLength(status === 200 ? 1 : 0)
        for (const each of passed) expect(each).toMatch(onList)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['POST', '/containers/create'],
    ['POST', `/v1.44/containers/${id}/start`],
    ['DELETE', `/containers/${id}`],
    ['PUT', `/containers/${id}/archive?path=/`],
    ['GET', `/containers/${id}/archive?path=/etc/shadow`],
    ['GET', `/containers/${id}/logs?stdout=1`],
    ['GET', `/containers/${id}/export`],
    ['GET', `/containers/${id}/attach/ws`],
    ['GET', '/images/json'],
    ['GET', '/swarm/unlockkey'],
    ['GET', '/secrets'],
    ['GET', '/containers/../info'],
    ['GET', '/containers/json/'],
    ['GET', 'http://docker/info'],
    ['HEAD', '/_ping'],
    ['POST', '/events'],
  ])('refuses %s %s', async (method, path) => {
    const { status, text } = await ask(path, method)
    expect(status).toBe(403)
    if (method !== 'HEAD') expect(JSON.parse(text)).toMatchObject({ code: 'FORBIDDEN' })
    expect(asked).toEqual([])
  })

  it('refuses to speak anything else, and bodies', async () => {
    const hijack = await speak(
      'GET /info HTTP/1.1\r\nhost: d\r\nconnection: upgrade\r\nupgrade: tcp\r\n\r\nx',
    )
    expect(hijack).toMatch(/^HTTP\/1\.1 403 /)
    expect(await speak('CONNECT /info HTTP/1.1\r\nhost: d\r\n\r\n')).not.toContain(' 200 ')
    expect(
      await speak('GET /info HTTP/1.1\r\nhost: d\r\n\nPOST /containers/create HTTP/1.1\r\n\r\n'),
    ).toMatch(/^HTTP\/1\.1 400 /)
    expect((await ask('/info', 'GET', { 'content-length': '5' }, 'hello')).status).toBe(403)
    expect((await ask('/info', 'GET', { 'transfer-encoding': 'chunked' }, 'hello')).status).toBe(403)
    expect((await ask(`/info?${'x'.repeat(20_000)}`)).status).toBe(431)
    expect(asked).toEqual([])
  })

  it('passes nothing of the client on but path and query, and of the engine the answer', async () => {
    handle = (_, response) => {
      response.writeHead(404, {
        'content-type': 'application/json',
        'api-version': '1.44',
        'set-cookie': 'a=b',
      })
      response.end('{"message":"No such container"}')
    }
    const headers = { 'x-registry-auth': 'secret', cookie: 'a=b' }
    const answer = await ask(`/v1.44/containers/${id}/json?size=0`, 'GET', headers)
    expect(answer).toMatchObject({ status: 404, text: '{"message":"No such container"}' })
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'api-version': '1.44' })
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect(asked).toEqual([`GET /v1.44/containers/${id}/json?size=0 connection,host`])
  })

  it('passes events on as they come, and lets go of the engine when the client does', async () => {
    const gone = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<ServerResponse>()
    handle = (_, response) => {
      response.writeHead(200).flushHeaders()
      response.once('close', () => gone.resolve())
      begun.resolve(response)
    }
    const heard = Promise.withResolvers<IncomingMessage>()
    const options = { socketPath: sockets.dockerProxySocket, path: '/v1.44/events', agent: false }
    const client = request(options, heard.resolve).end()
    client.once('error', () => undefined)
    const [engineSide, events] = await Promise.all([begun.promise, heard.promise])
    for (const event of ['{"n":1}\n', '{"n":2}\n']) {
      engineSide.write(event)
      expect(String(await once(events, 'data'))).toBe(event)
    }
    client.destroy()
    await gone.promise
  })

  it('says that the engine is away, and breaks off what the engine breaks off', async () => {
    handle = (incoming) => incoming.destroy()
    expect(await ask('/info')).toMatchObject({ status: 503, text: expect.stringContaining('UNAVAILABLE') })
    handle = (_, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('half')
      setImmediate(() => response.destroy())
    }
    await expect(ask('/info')).rejects.toThrow('aborted')
    handle = (incoming, response) => {
      incoming.socket.end('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: tcp\r\n\r\n')
      response.destroy()
    }
    expect((await ask('/info')).status).toBe(503)
  })

  it('takes a bounded number of connections', async () => {
    const held = Promise.withResolvers<void>()
    handle = (_, response) => void held.promise.then(() => response.end())
    const many = Array.from({ length: 60 }, () =>
      ask('/info').then(
        ({ status }) => status,
        () => 'refused',
      ),
    )
    const refused = await Promise.all(many.slice(40))
    expect(refused).toEqual(Array.from({ length: 20 }, () => 'refused'))
    expect(asked.length).toBeLessThanOrEqual(32)
    held.resolve()
    expect((await Promise.all(many)).filter((each) => each === 200)).toHaveLength(32)
  })

  it('is for its owner and group, and stands in for nothing that is in use or no socket', async () => {
    expect(statSync(sockets.dockerProxySocket).mode & 0o777).toBe(0o660)
    expect(await startDockerProxy(sockets, quiet)).toMatchObject({ fault: { code: 'PORT_IN_USE' } })
    const same = { ...sockets, dockerSocket: sockets.dockerProxySocket }
    expect(await startDockerProxy(same, quiet)).toMatchObject({ fault: { code: 'CONFIG_INVALID' } })
    const file = join(folder, 'file')
    writeFileSync(file, 'kept')
    expect(await startDockerProxy({ ...sockets, dockerProxySocket: file }, quiet)).toMatchObject({
      fault: { code: 'PORT_IN_USE', pointer: 'VOUCH_AGENT_DOCKER_PROXY_SOCKET' },
    })
  })
})

if (ENGINE_ABSENT !== '' && process.env['CI'] === 'true') throw new Error(`${ENGINE_ABSENT} is absent`)

describe.skipIf(ENGINE_ABSENT !== '')(
  `before a container engine${ENGINE_ABSENT && ` (absent: ${ENGINE_ABSENT})`}`,
  () => {
    let real: ContainerEngine
    let before: DockerProxy
    const socket = join(folder, 'real.sock')
    beforeAll(async () => {
      real = await ContainerEngine.start()
      before = unwrap(await startDockerProxy({ dockerSocket: real.socket, dockerProxySocket: socket }, quiet))
    }, 60_000)
    afterAll(async () => {
      await before.stop()
      await real.stop()
    }, 60_000)
    const through = (...args: readonly string[]): Promise<string> => dockerAt(socket, ...args)

    it('shows containers to the client of the engine, and lets it change nothing', async () => {
      const container = await real.script('sleep 60', '--name', 'still')
      expect(await through('ps', '--no-trunc', '-q')).toBe(container)
      expect(await through('inspect', '-f', '{{.Name}}', container)).toBe('/still')
      const changes = [
        ['kill', 'still'],
        ['rm', '-f', 'still'],
        ['exec', 'still', 'true'],
        ['cp', 'still:/bin/busybox', '-'],
        ['logs', 'still'],
        ['run', '--privileged', '-v', '/:/host', 'busybox', 'true'],
        ['pull', 'busybox'],
        ['volume', 'create'],
      ]
      for (const change of changes)
        await expect(through(...change), change.join(' ')).rejects.toThrow('FORBIDDEN')
      expect(await real.docker('ps', '--no-trunc', '-aq')).toBe(container)
      await real.docker('rm', '-f', container)
    })

    it('is all that the agent needs to meter containers from their start to their end', async () => {
      const source = createDockerSource({
        files: createHostFiles('/'),
        resource: 'host:a',
        clock: createSystemClock(),
        logger: quiet,
        facts: () => undefined,
        socket,
        labels: [],
      })
      const looks: Look[] = [...(await source.look())]
      const container = await real.script('sleep 0.5')
      await real.docker('wait', container)
      await expect
        .poll(async () => {
          looks.push(...(await source.look()))
          return looks.flatMap(({ samples }) => samples).some(({ resource }) => resource.endsWith(container))
        })
        .toBe(true)
      expect(source.faults?.()).toEqual([])
      await source.stop?.()
    })
  },
)
