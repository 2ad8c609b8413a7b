import { checkRule } from './check-rule.ts'
import { composeSetsWhatServicesRead } from './compose.ts'

const compose = (environment: object, secrets: string[]): string =>
  JSON.stringify({
    services: { rating: { build: { args: { SERVICE: 'rating' } }, environment, secrets } },
    secrets: { key: {} },
  })
const config = `env: 'VOUCH_TLS'`

checkRule('compose sets what services read', composeSetsWhatServicesRead, {
  broken: [
    {},
    { 'deploy/compose.yaml': compose({ VOUCH_TSL: 'on' }, []), 'rating/src/config.ts': config },
    { 'deploy/compose.yaml': compose({}, ['absent']), 'rating/src/config.ts': config },
  ],
  sound: [{ 'deploy/compose.yaml': compose({ VOUCH_TLS: 'on' }, ['key']), 'rating/src/config.ts': config }],
})
