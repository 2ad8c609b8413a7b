import { afterAll, beforeAll, expect, it } from 'vitest'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import { startMetrics } from './metrics.ts'
import type { Health, Metrics } from './metrics.ts'

let health: Health = { spooledBatches: 3, spooledBytes: 4096, pendingReadings: 12, fault: undefined }
let metrics: Metrics

beforeAll(async () => {
  metrics = unwrap(await startMetrics('127.0.0.1:0', () => health))
})
afterAll(() => metrics.stop())

const get = async (path: string) => {
  const response = await fetch(`http://127.0.0.1:${metrics.port}${path}`)
  return { status: response.status, text: await response.text() }
}

it('is ready while nothing hinders delivery, and alive all the time', async () => {
  expect(await get('/readyz')).toEqual({ status: 200, text: 'ready\n' })
  health = { ...health, fault: fail('AGENT_REVOKED', 'enrol again').fault }
  expect(await get('/readyz')).toEqual({ status: 503, text: 'AGENT_REVOKED: enrol again\n' })
  expect((await get('/livez')).status).toBe(200)
  expect((await get('/metrics')).text).toContain('vouch_agent_delivering 0')
})

it('shows the spool as it is', async () => {
  const { text } = await get('/metrics')
  expect(text).toContain('vouch_agent_spooled_batches 3\n')
  expect(text).toContain('vouch_agent_spooled_bytes 4096\n')
  expect(text).toContain('vouch_agent_pending_readings 12\n')
})

it('names a port in use', async () => {
  const second = await startMetrics(`127.0.0.1:${metrics.port}`, () => health)
  expect(second).toMatchObject({ fault: { code: 'PORT_IN_USE' } })
})
