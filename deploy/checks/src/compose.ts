import { parse } from 'yaml'
import type { Rule } from './repository.ts'

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly image?: string
        readonly build?: { readonly args: { readonly SERVICE: string } }
        readonly environment?: Readonly<Record<string, string>>
        readonly secrets?: readonly string[]
      }
    >
  >
  readonly secrets: Readonly<Record<string, unknown>>
}

const COMPOSE = 'deploy/compose.yaml'

/** What compose.yaml sets for a service is a setting of that service, and each secret it uses is declared. */
export const composeSetsWhatServicesRead: Rule = (files) => {
  const file = files.find(({ path }) => path === COMPOSE)
  if (file === undefined) return [`${COMPOSE}: missing`]
  const compose = parse(file.text, { merge: true }) as Compose
  return Object.entries(compose.services).flatMap(([name, service]) => {
    const folder = service.build?.args.SERVICE
    const settings = folder === undefined ? '' : settingsOf(files, folder)
    const set = [...Object.keys(service.environment ?? {}), ...(service.secrets ?? [])]
    return [
      ...set
        .filter((key) => key.startsWith('VOUCH_') && !settings.includes(`'${key}'`))
        .map((key) => `${COMPOSE}: ${name} does not read ${key}`),
      ...(service.secrets ?? [])
        .filter((secret) => !(secret in compose.secrets))
        .map((secret) => `${COMPOSE}: secret ${secret} of ${name} is not declared`),
    ]
  })
}

function settingsOf(files: Parameters<Rule>[0], folder: string): string {
  return files.find(({ path }) => path === `${folder}/src/config.ts`)?.text ?? ''
}
