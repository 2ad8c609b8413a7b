import { absentOf, ip } from '@vouch/agent/snmp/testing/snmpd.ts'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { AnotherHost } from './another-host.ts'

/** What a newcomer is promised: usage in the API so soon after the first command on the other host. */
const MINUTE_MS = 60_000

const absent = absentOf(true)
if (absent !== '' && process.env['CI'] !== undefined) throw new Error(`needs ${absent}`)

describe.skipIf(absent !== '')(
  `another host, as the README says${absent === '' ? '' : ` (needs ${absent})`}`,
  () => {
    const tag = `vouch${process.pid % 100_000}`
    const namespace = `${tag}h`
    const [here, there] = ['198.18.79.1', '198.18.79.2']
    let host: AnotherHost

    beforeAll(async () => {
      ip('netns', 'add', namespace)
      ip('link', 'add', `${tag}v`, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', namespace)
      ip('address', 'add', `${here}/30`, 'dev', `${tag}v`)
      ip('link', 'set', `${tag}v`, 'up')
      ip('-n', namespace, 'address', 'add', `${there}/30`, 'dev', 'uplink')
      ip('-n', namespace, 'link', 'set', 'uplink', 'up')
      host = await AnotherHost.start({
        installation: {
          VOUCH_COLLECTOR_LISTEN: `${here}:7410`,
          VOUCH_TLS_NAMES: `localhost,${here}`,
        },
        // Both "hosts" are one machine here, with one machine id.
        agent: { VOUCH_AGENT_RESOURCE: 'host:second' },
        within: ['ip', 'netns', 'exec', namespace],
      })
    }, 90_000)

    afterAll(async () => {
      await host.dispose()
      ip('netns', 'delete', namespace)
    }, 30_000)

    it('is enrolled and shows its usage in the API within a minute', async () => {
      const sinceMs = Date.now()
      expect(host.agent('enrol')).toMatch(/^enrolled host:second as [0-9a-f]{32}\n$/)
      expect(host.agent('once')).toContain('host.cpu.used')
      host.meter()
      await vi.waitFor(
        async () => expect((await host.usage('host:second')).get('host.cpu.used')).toBeGreaterThan(0n),
        { timeout: MINUTE_MS - (Date.now() - sinceMs), interval: 500 },
      )
    }, 90_000)

    it('is looked over by the doctor beside it', () => {
      expect(host.agent('doctor')).not.toMatch(/^FAIL/m)
    })
  },
)
