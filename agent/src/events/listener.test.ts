import { mkdtempSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { readAgentConfig } from '../config.ts'
import { EventsHost, SINGLE, samplesOf } from '../testing/events-host.ts'

const host = new EventsHost()
afterEach(() => host.reset())
afterAll(() => host.remove())

const { time } = host
const json = (value: unknown): string => JSON.stringify(value)
const call = { specversion: '1.0', id: '1', source: '/s', type: 'call', time }

describe('the listener', () => {
  it('is for its owner and group, and stands in for nothing that is in use or no socket', async () => {
    await host.start()
    expect(statSync(host.socket).mode & 0o777).toBe(0o660)
    await expect(host.start()).rejects.toMatchObject({ fault: { code: 'DATA_DIRECTORY_LOCKED' } })
    const other = mkdtempSync(join(host.directory, 'other-'))
    for (const path of [host.socket, other]) {
      const settings = { VOUCH_AGENT_STATE_DIR: other, VOUCH_AGENT_EVENTS_LISTEN: `unix:${path}` }
      await expect(host.start(settings)).rejects.toMatchObject({
        fault: { code: 'PORT_IN_USE', pointer: 'VOUCH_AGENT_EVENTS_LISTEN' },
      })
    }
  })

  it('is refused where the port is taken', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    await expect(host.start({ VOUCH_AGENT_EVENTS_LISTEN: `127.0.0.1:${port}` })).rejects.toMatchObject({
      fault: { code: 'PORT_IN_USE' },
    })
    taken.close()
  })

  it.each(['0.0.0.0:7420', '10.0.0.1:7420', 'unix:relative', '[::]:7420', '7420'])(
    'is never at %s',
    (address) => {
      expect(readAgentConfig({ VOUCH_AGENT_EVENTS_LISTEN: address })).toMatchObject({
        fault: { code: 'CONFIG_INVALID' },
      })
    },
  )

  it('ends a sender that is too slow', { timeout: 20_000 }, async () => {
    await host.start()
    const slow = connect(host.socket)
    slow.write('POST / HTTP/1.1\r\nhost: a\r\n')
    let text = ''
    slow.on('data', (chunk) => void (text += chunk.toString()))
    const { promise, resolve } = Promise.withResolvers<void>()
    slow.on('close', () => resolve())
    await promise
    expect(text).toContain('408')
  })

  it('answers what is in progress when it stops', async () => {
    const events = await host.start()
    const { promise, resolve } = Promise.withResolvers<number>()
    const headers = { 'content-type': SINGLE, expect: '100-continue' }
    const sent = request({ socketPath: host.socket, method: 'POST', headers }, (response) =>
      resolve(response.statusCode ?? 0),
    )
    const begun = new Promise<void>((taken) => void sent.once('continue', taken))
    sent.flushHeaders()
    await begun
    sent.write(json(call).slice(0, 10))
    const stopping = events.stop?.()
    sent.end(json(call).slice(10))
    expect(await promise).toBe(200)
    await stopping
    expect(await samplesOf(await host.start())).toMatchObject([{ value: 1n }])
  })
})
