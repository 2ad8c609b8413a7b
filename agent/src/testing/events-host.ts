import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { readAgentConfig } from '../config.ts'
import { createEventsSource } from '../events/events-source.ts'
import type { Sample, Source } from '../ports.ts'
import { World } from './world.ts'

const FILE = `
events:
  call: { meter: api.calls, unit: '1', service: api }
  tokens:
    meter: llm.tokens
    unit: 1
    amount: data.tokens
    service: { from: subject }
    dimensions: { region: region }
`

/** The media type of one event. */
export const SINGLE = 'application/cloudevents+json'

/** The media type of a batch. */
export const BATCH = 'application/cloudevents-batch+json'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** An answer to a request. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: Record<string, unknown>
}

/** A directory with a file of events, and the sources that are started on it. */
export class EventsHost {
  readonly world = new World()
  readonly directory = mkdtempSync(join(tmpdir(), 'vouch-intake-'))
  readonly socket = join(this.directory, 'events.sock')
  /** The time of the world as events write it. */
  readonly time = new Date(this.world.wallMs()).toISOString()
  readonly #sources: Source[] = []

  constructor() {
    writeFileSync(join(this.directory, 'events.yaml'), FILE)
  }

  /** Starts the source at the socket, or as the settings say. */
  async start(settings: Readonly<Record<string, string>> = {}): Promise<Source> {
    const own = {
      VOUCH_AGENT_STATE_DIR: this.directory,
      VOUCH_AGENT_EVENTS_FILE: join(this.directory, 'events.yaml'),
      VOUCH_AGENT_EVENTS_LISTEN: `unix:${this.socket}`,
    }
    const context = { resource: 'host:a', clock: this.world, logger: silent, facts: () => undefined }
    const source = await createEventsSource(unwrap(readAgentConfig({ ...own, ...settings })), context)
    this.#sources.push(source)
    return source
  }

  /** Stops all sources and forgets what they counted. */
  async reset(): Promise<void> {
    for (const source of this.#sources.splice(0)) await source.stop?.()
    for (const suffix of ['', '-wal', '-shm'])
      rmSync(join(this.directory, `events.sqlite${suffix}`), { force: true })
  }

  remove(): void {
    rmSync(this.directory, { recursive: true })
  }

  /** Sends a request to the socket. */
  post(
    body: string | Uint8Array,
    headers: Record<string, string | string[]>,
    path = '/',
    method = 'POST',
  ): Promise<Answer> {
    return postTo({ socketPath: this.socket }, body, headers, path, method)
  }
}

/** Sends a request to a socket or a port. */
export function postTo(
  where: { readonly socketPath: string } | { readonly port: number },
  body: string | Uint8Array,
  headers: Record<string, string | string[]>,
  path = '/',
  method = 'POST',
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = request({ ...where, path, method, headers, agent: false }, (response) => {
    response.setEncoding('utf8')
    let text = ''
    response.on('data', (chunk: string) => void (text += chunk))
    response.on('error', reject)
    response.on('end', () => {
      const type = response.headers['content-type'] ?? ''
      resolve({ status: response.statusCode ?? 0, type, body: JSON.parse(text) as Record<string, unknown> })
    })
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}

/** What a source shows beyond zero. */
export async function samplesOf(source: Source): Promise<Sample[]> {
  return (await source.look()).flatMap((look) => look.samples).filter(({ value }) => value > 0n)
}
