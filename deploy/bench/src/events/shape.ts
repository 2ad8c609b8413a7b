import { randomUUID } from 'node:crypto'
import { seededRandom } from '../load/random.ts'

/** Requests of a load, and what has to be counted once all are accepted. */
export interface EventLoad {
  /** Bodies in batched mode. */
  readonly bodies: readonly Buffer[]
  /** By meter. */
  readonly totals: ReadonlyMap<string, bigint>
}

/** The media type of the bodies. */
export const MEDIA_TYPE = 'application/cloudevents-batch+json'

/** The agent's file of events: a counter without dimensions, and one of amounts by region and model. */
export const EVENTS_FILE = `
events:
  com.example.api.call:
    meter: api.calls
    unit: '1'
    service: api
    dimensions: { region: region }
  com.example.llm.completion:
    meter: llm.tokens
    unit: '1'
    amount: data.tokens
    service: { from: subject }
    dimensions: { region: region, model: data.model }
`

const REGIONS = ['eu-central-1', 'eu-west-1', 'us-east-1', 'ap-south-1']
const MODELS = ['small', 'medium', 'large']
const TOKENS_MAX = 4000
const SEED = 1

/** Makes up so many requests of so many events each; half of the events count 1, half have an amount. */
export function makeLoad(requests: number, eventsPerRequest: number): EventLoad {
  const random = seededRandom(SEED)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const time = new Date().toISOString()
  let [calls, tokens] = [0n, 0n]
  const event = (index: number): object => {
    const common = {
      specversion: '1.0',
      id: randomUUID(),
      source: `https://gateway-${index % 8}.example.com/v1`,
      time,
      region: pick(REGIONS),
      datacontenttype: 'application/json',
    }
    if (index % 2 === 0) {
      calls += 1n
      const data = { method: 'GET', path: `/v1/items/${index}`, status: 200, durationMs: index % 900 }
      return { ...common, type: 'com.example.api.call', subject: `tenant-${index % 50}`, data }
    }
    const amount = 1 + Math.floor(random() * TOKENS_MAX)
    tokens += BigInt(amount)
    const data = { model: pick(MODELS), tokens: amount, finished: true }
    return { ...common, type: 'com.example.llm.completion', subject: `team-${index % 10}`, data }
  }
  const bodies = Array.from({ length: requests }, () =>
    Buffer.from(JSON.stringify(Array.from({ length: eventsPerRequest }, (_, index) => event(index)))),
  )
  return {
    bodies,
    totals: new Map([
      ['api.calls', calls],
      ['llm.tokens', tokens],
    ]),
  }
}
