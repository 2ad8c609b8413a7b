import { expect, it } from 'vitest'
import { pino } from 'pino'
import { createServer } from './server.ts'
import type { Services } from './operation.ts'

it('logs what nobody expected whole, and tells only its place in the log', async () => {
  const lines: string[] = []
  const logger = pino({ level: 'info' }, { write: (line) => void lines.push(line) })
  const services = { logger, chance: { nowMs: () => 0, random: () => new Uint8Array(12) } }
  const app = await createServer(services as unknown as Services, () => {
    throw new TypeError('the reason')
  })
  const answer = await app.inject('/readyz')
  await app.close()
  expect([answer.statusCode, answer.body.includes('the reason')]).toEqual([500, false])
  const { request, err } = JSON.parse(lines.at(-1)!)
  expect(answer.json().instance).toBe(`urn:vouch:request:${request}`)
  expect(err).toMatchObject({ type: 'TypeError', message: 'the reason' })
  expect(err.stack).toContain('problem.test.ts')
})
