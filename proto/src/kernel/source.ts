/** Everything that an agent can meter, as settings and policies name it. */
export const SOURCES = ['host', 'docker', 'snmp', 'events'] as const

/** The name of a source. */
export type SourceName = (typeof SOURCES)[number]
