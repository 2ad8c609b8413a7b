/** Where the tables live: on one node, or spread over a cluster of replicated shards. */
export interface Topology {
  /** Name of the cluster in the servers' `remote_servers`; undefined = one node. */
  readonly cluster: string | undefined
  /** Replicas of a shard that must hold an insert before it is durable; `auto` = the majority. */
  readonly quorum: 'auto' | number
}

/** The embedded engine, or a server by itself. */
export const ONE_NODE: Topology = { cluster: undefined, quorum: 'auto' }

/** The topology that the settings name. */
export function topologyOf(config: {
  readonly clickhouseCluster: string | undefined
  readonly clickhouseInsertQuorum: string
}): Topology {
  const { clickhouseCluster: cluster, clickhouseInsertQuorum: quorum } = config
  return { cluster, quorum: quorum === 'auto' ? 'auto' : Number.parseInt(quorum, 10) }
}

/** Below the timeout of a request: a quorum that cannot be had is an answer, not a cut connection. */
const QUORUM_TIMEOUT_MS = 30_000
/** As above, for schema changes, which all nodes must confirm. */
const DDL_TIMEOUT_S = '50'

/**
 * The SETTINGS clause of every insert. A repeated insert must reach the materialized view again, which the
 * engine's own deduplication of blocks would prevent; and an insert that answers before it is written would
 * be no receipt. On a cluster it answers when every shard it concerns has it on a quorum of replicas.
 */
export function insertSettings({ cluster, quorum }: Topology): string {
  const settings = 'SETTINGS insert_deduplicate = 0, async_insert = 0'
  if (cluster === undefined) return settings
  const replicas = quorum === 'auto' ? `'auto'` : quorum
  return (
    `${settings}, distributed_foreground_insert = 1, insert_quorum = ${replicas}, insert_quorum_parallel = 1, ` +
    `insert_quorum_timeout = ${QUORUM_TIMEOUT_MS}`
  )
}

/** Settings for the client of a statement that changes the schema: how long all nodes may take. */
export function schemaSettings({ cluster }: Topology): Readonly<Record<string, string>> {
  return cluster === undefined ? {} : { distributed_ddl_task_timeout: DDL_TIMEOUT_S }
}

/** The table that holds the rows of `table` on each node; on one node the table itself. */
export function localTable({ cluster }: Topology, table: string): string {
  return cluster === undefined ? table : `${table}_local`
}

/** The rows of `table` as every replica has them, the same row more than once; on one node the table itself. */
export function everyReplica(topology: Topology, database: string, table: string): string {
  const name = `${database}.${localTable(topology, table)}`
  return topology.cluster === undefined ? name : `clusterAllReplicas('${topology.cluster}', ${name})`
}

/** What one replica answers, with what is needed to know whether enough of them did. */
export interface ReplicaAnswer {
  /** The replica's shard, by the servers' macro. */
  readonly shard: string
  /** Shards of the cluster, and replicas of its largest one. */
  readonly shards: number
  readonly replicas: number
}

/**
 * Asks every replica the same question: one row each, of the columns of `select` and of ReplicaAnswer.
 * An acknowledged insert is on a quorum, so replicas may lag and each alone may be wrong about the chain;
 * enough of them together are not.
 *
 * @param select must give exactly one row, whatever the table holds.
 */
export function askReplicas({ cluster }: Topology, select: string): string {
  const settings = 'SETTINGS skip_unavailable_shards = 1, output_format_json_quote_64bit_integers = 1'
  if (cluster === undefined)
    return `SELECT *, '' AS shard, 1 AS shards, 1 AS replicas FROM (${select}) ${settings}`
  const nodes = `FROM system.clusters WHERE cluster = '${cluster}'`
  return (
    `SELECT *, toUInt32((SELECT uniqExact(shard_num) ${nodes})) AS shards, ` +
    `toUInt32((SELECT max(replica_num) ${nodes})) AS replicas ` +
    `FROM clusterAllReplicas('${cluster}', view(SELECT *, getMacro('shard') AS shard FROM (${select}))) ${settings}`
  )
}

/**
 * Why these answers do not suffice; undefined where they do. Of a shard with R replicas and quorum Q any
 * R - Q + 1 share at least one with every quorum. The shard of an agent is not known here, so each must do.
 */
export function missingReplicas(topology: Topology, answers: readonly ReplicaAnswer[]): string | undefined {
  if (topology.cluster === undefined) return undefined
  const [first] = answers
  if (first === undefined) return `no node of the cluster ${topology.cluster} answers`
  const { shards, replicas } = first
  const quorum = topology.quorum === 'auto' ? Math.floor(replicas / 2) + 1 : topology.quorum
  const needed = Math.max(replicas - quorum + 1, 1)
  const answered = new Map<string, number>()
  for (const { shard } of answers) answered.set(shard, (answered.get(shard) ?? 0) + 1)
  const enough = [...answered.values()].filter((count) => count >= needed).length
  if (enough >= shards) return undefined
  return `of ${shards} shards ${shards - enough} have fewer than ${needed} of ${replicas} replicas that answer`
}
