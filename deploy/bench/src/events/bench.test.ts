import { expect, test } from 'vitest'
import { benchEvents } from './bench.ts'

test.skipIf(process.platform !== 'linux')(
  'a few events go through the real agent, arrive as readings, and their ids go into raw SQLite',
  async () => {
    const options = { events: 2000, batch: 100, connections: 2, rounds: 1 }
    const { name, figures, reference } = await benchEvents(options, () => {})
    expect(name).toBe('events')
    expect(figures).toMatchObject({ events: 2000, batchEvents: 100 })
    expect(figures['eventsPerSecond']).toBeGreaterThan(0)
    expect(reference).toMatchObject({ events: 2000, transactions: figures['transactions'] })
    expect(reference['transactions']).toBeGreaterThanOrEqual(10)
    expect(reference['wallMs']).toBeGreaterThan(0)
  },
  60_000,
)
