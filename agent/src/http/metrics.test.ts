import { afterAll, beforeAll, expect, it } from 'vitest'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import { startMetrics } from './metrics.ts'
import type { Health, Metrics } from './metrics.ts'

const { fault: refused } = fail('UNAVAILABLE', 'no answer')
let health: Health = {
  spooledBatches: 3,
  spooledBytes: 4096,
  pendingReadings: 12,
  fault: undefined,
  sourceFaults: [1, 2].map(() => ({ source: 'docker', fault: refused })),
  looks: 7,
  readings: 99,
  receiptAgeMs: 1500,
  clockOffsetMs: -250,
}
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

it('shows what is wrong with sources, as long as it is', async () => {
  const { text } = await get('/metrics')
  expect(text).toContain('vouch_agent_source_faults{source="docker",code="UNAVAILABLE"} 2\n')
  expect(text).toContain('vouch_agent_last_receipt_age_seconds 1.5\n')
  expect(text).toContain('vouch_agent_clock_offset_seconds -0.25\n')
  expect(text).toContain('vouch_agent_looks 7\n')
  expect(text).toContain('vouch_agent_readings 99\n')
  health = { ...health, sourceFaults: [], receiptAgeMs: undefined }
  const later = (await get('/metrics')).text
  expect(later).not.toContain('vouch_agent_source_faults{')
  expect(later).toContain('vouch_agent_last_receipt_age_seconds -1\n')
})

it('names a port in use', async () => {
  const second = await startMetrics(`127.0.0.1:${metrics.port}`, () => health)
  expect(second).toMatchObject({ fault: { code: 'PORT_IN_USE' } })
})
