import manifest from '../package.json' with { type: 'json' }

/** Version of this program, as batches and hellos name it. */
export const AGENT_VERSION: string = manifest.version
