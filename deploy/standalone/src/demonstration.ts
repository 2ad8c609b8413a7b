import { RestProblem } from './rest.ts'
import type { Rest } from './rest.ts'

/** The account that pays for this machine. */
export const ACCOUNT = 'this-machine'

const TARIFF = 'demonstration'
const ROUNDING = { mode: 'half-up', scale: 6 }

/** Catalogue and prices; high, so that a minute of one machine costs cents. */
const CATALOGUE = [
  { id: 'cpu-used', name: 'CPU used', meter: 'host.cpu.used', unit: 'core-second', price: '0.0100' },
  {
    id: 'cpu-allocated',
    name: 'CPU allocated',
    meter: 'host.cpu.allocated',
    unit: 'core-hour',
    price: '3.6000',
  },
  { id: 'memory-held', name: 'Memory held', meter: 'host.memory.held', unit: 'GiB-hour', price: '9.0000' },
  { id: 'disk-used', name: 'Disk used', meter: 'host.disk.used', unit: 'GiB-hour', price: '0.1000' },
  { id: 'disk-written', name: 'Disk written', meter: 'host.disk.written', unit: 'MB', price: '0.0020' },
  {
    id: 'network-sent',
    name: 'Network sent',
    meter: 'host.network.transmitted',
    unit: 'MB',
    price: '0.0200',
  },
  {
    id: 'network-received',
    name: 'Network received',
    meter: 'host.network.received',
    unit: 'MB',
    price: '0.0100',
  },
  { id: 'uptime', name: 'Running time', meter: 'host.uptime', unit: 's', price: '0.0010' },
]

/** Puts an account, a catalogue, a tariff and a contract in place for this machine; what is there already stays. */
export async function ensureDemonstration(rest: Rest, resource: string, fromMs: number): Promise<void> {
  const period = { from: new Date(fromMs).toISOString() }
  const fresh = await created(rest, '/v1/accounts', { id: ACCOUNT, name: 'This machine', timeZone: 'UTC' })
  if (!fresh) return
  for (const { id, name, meter, unit } of CATALOGUE) {
    await rest.post('/v1/items', { id, name, meter, unit, rounding: ROUNDING })
  }
  const prices = CATALOGUE.map(({ id, price }) => ({
    item: id,
    unitPrice: { amount: price, currency: 'EUR' },
  }))
  await rest.post('/v1/tariffs', { id: TARIFF, currency: 'EUR', amountRounding: 'half-up', prices })
  await rest.post('/v1/contracts', { account: ACCOUNT, tariff: { id: TARIFF }, period })
  await rest.post('/v1/assignments', { account: ACCOUNT, resource, period })
}

async function created(rest: Rest, path: string, body: object): Promise<boolean> {
  try {
    await rest.post(path, body)
    return true
  } catch (error) {
    if (error instanceof RestProblem && error.code === 'ALREADY_EXISTS') return false
    throw error
  }
}
