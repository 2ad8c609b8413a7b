/**
 * The schema of one node, written for a cluster. A table `x` becomes `x_local` on every node, replicated
 * within its shard, and `x`, which spreads rows over the shards and reads from all of them. So inserts,
 * views and queries keep their names.
 *
 * Rows that merge by equal sorting keys must meet on one shard, as merging and FINAL work within a shard
 * only. So the shard follows from columns of the sorting key, by this rule:
 * - `stream` where the key has it (segments, lattice, streams): the readings of a stream and its lattice
 *   live together, and the materialized view feeds the one from the other without leaving the node;
 * - else `agent` (batches, losses, quarantine, agent_keys, …): an agent's chain is on one shard;
 * - else the whole key.
 */

/** A cluster and the database on it, both plain names. */
export interface ClusterSchema {
  readonly cluster: string
  readonly database: string
}

/** Version of a migration is recorded once for all nodes: one table, replicated across the shards. */
const EVERY_NODE = new Set(['migrations'])
/** A part that a replica fetched counts for the quorum, so it must be on disk too. */
const FETCH_SETTING = 'min_compressed_bytes_to_fsync_after_fetch = 1'
const SHARD_COLUMNS = ['stream', 'agent']

/**
 * Rewrites one statement of a migration into those that have its effect on all nodes. Throws on a statement
 * that it does not understand: passed through, it would change one node and leave the others as they are.
 *
 * @param sql without comments and final semicolon, its names qualified by the database.
 */
export function onCluster(sql: string, schema: ClusterSchema): string[] {
  const statement = sql.trim()
  for (const rewrite of [database, table, materializedView, view, query, alter, drop, copy]) {
    const statements = rewrite(statement, schema)
    if (statements !== undefined) return statements
  }
  throw new Error(`not known how to do this on a cluster: ${statement.slice(0, 200)}`)
}

type Rewrite = (statement: string, schema: ClusterSchema) => string[] | undefined

const database: Rewrite = (statement, schema) => {
  const match = /^CREATE DATABASE IF NOT EXISTS (\w+)$/i.exec(statement)
  if (match?.[1] !== schema.database) return undefined
  return [`CREATE DATABASE IF NOT EXISTS ${schema.database} ON CLUSTER ${schema.cluster}`]
}

const table: Rewrite = (statement, schema) => {
  const { cluster, database: db } = schema
  const match =
    /^CREATE TABLE IF NOT EXISTS (?<db>\w+)\.(?<name>\w+)\s*(?<columns>\([\s\S]*\))\s*ENGINE\s*=\s*(?<engine>(?:Replacing|Aggregating|Summing)?MergeTree)\b(?:\((?<args>[^()]*)\))?(?<rest>[\s\S]*)$/i.exec(
      statement,
    )?.groups
  const { name, columns, engine, args = '', rest = '' } = match ?? {}
  if (match?.['db'] !== db || name === undefined || columns === undefined) return undefined
  const everywhere = EVERY_NODE.has(name)
  // Not {uuid}: run again for a node that came later, it would be another one there, and no replica.
  const path = `/clickhouse/tables/${cluster}/${everywhere ? 'all' : '{shard}'}/${db}/${name}`
  const replica = everywhere ? '{shard}-{replica}' : '{replica}'
  const parameters = [`'${path}'`, `'${replica}'`, ...(args.trim() === '' ? [] : [args.trim()])].join(', ')
  const settings = /\bSETTINGS\b/i.test(rest)
    ? `${rest}, ${FETCH_SETTING}`
    : `${rest} SETTINGS ${FETCH_SETTING}`
  const local = everywhere ? name : `${name}_local`
  const stored = `CREATE TABLE IF NOT EXISTS ${db}.${local} ON CLUSTER ${cluster} ${columns} ENGINE = Replicated${engine}(${parameters})${settings}`
  if (everywhere) return [stored]
  return [
    stored,
    `CREATE TABLE IF NOT EXISTS ${db}.${name} ON CLUSTER ${cluster} AS ${db}.${local} ` +
      `ENGINE = Distributed('${cluster}', '${db}', '${local}', ${shardKey(name, rest)})`,
  ]
}

/** The expression that chooses the shard of a row; the rule is at the top of this file. */
function shardKey(name: string, rest: string): string {
  const match = /\bORDER BY (?:\((?<list>[\w\s,`]+)\)|(?<one>[\w`]+)(?![\w`(]))/i.exec(rest)?.groups
  const columns = (match?.['list'] ?? match?.['one'] ?? '').split(',').map((column) => column.trim())
  if (columns.includes(''))
    throw new Error(`${name} has no sorting key of plain columns: no shard follows from it`)
  const column = SHARD_COLUMNS.find((candidate) => columns.includes(candidate))
  return `cityHash64(${column ?? columns.join(', ')})`
}

const materializedView: Rewrite = (statement, schema) => {
  const pattern =
    /^CREATE MATERIALIZED VIEW IF NOT EXISTS (?<db>\w+)\.(?<name>\w+)\s+TO\s+(?<target>\w+\.\w+)\s+AS\s(?<select>[\s\S]*)$/i
  const { db, name, target = '', select = '' } = pattern.exec(statement)?.groups ?? {}
  if (db !== schema.database) return undefined
  const [to, as] = [target, select].map((text) => localNames(text, schema))
  return [
    `CREATE MATERIALIZED VIEW IF NOT EXISTS ${db}.${name} ON CLUSTER ${schema.cluster} TO ${to} AS ${as}`,
  ]
}

const view: Rewrite = (statement, { cluster, database: db }) => {
  const pattern =
    /^(?<head>CREATE (?:OR REPLACE VIEW|VIEW IF NOT EXISTS)) (?<db>\w+)\.(?<name>\w+)\s+AS\s(?<select>[\s\S]*)$/i
  const { head, db: named, name, select = '' } = pattern.exec(statement)?.groups ?? {}
  if (named !== db) return undefined
  checkGlobal(select)
  return [`${head} ${db}.${name} ON CLUSTER ${cluster} AS ${select}`]
}

/** A JOIN or IN of a second table would look on each shard for what may be on another. On one node GLOBAL changes nothing. */
function checkGlobal(select: string): void {
  const joins = select.matchAll(
    /(?<before>(?:\w+\s+){0,5})\bJOIN\b|(?<in>(?:\w+\s+){0,2})\bIN\s*\(\s*(?:SELECT|WITH)\b/gi,
  )
  for (const { groups, 0: text } of joins) {
    // An ARRAY JOIN unfolds rows of the same table.
    if (/\bARRAY\s+JOIN$/i.test(text)) continue
    if (/\bGLOBAL\b/i.test(`${groups?.['before'] ?? ''} ${groups?.['in'] ?? ''}`)) continue
    throw new Error(`a view needs GLOBAL before JOIN and IN to be right on a cluster: ${text.trim()}`)
  }
}

const query: Rewrite = (statement, schema) => {
  const pattern = /^ALTER TABLE (?<db>\w+)\.(?<name>\w+)\s+MODIFY QUERY\s(?<select>[\s\S]*)$/i
  const { db, name, select = '' } = pattern.exec(statement)?.groups ?? {}
  if (db !== schema.database) return undefined
  return [`ALTER TABLE ${db}.${name} ON CLUSTER ${schema.cluster} MODIFY QUERY ${localNames(select, schema)}`]
}

/** Columns are of both tables; how rows are stored is of the local one alone. */
const COLUMNS = /^(?:ADD COLUMN IF NOT EXISTS|COMMENT COLUMN)\s/i
const STORAGE =
  /^(?:ADD (?:INDEX|PROJECTION) IF NOT EXISTS|MATERIALIZE (?:INDEX|PROJECTION|TTL|COLUMN)|MODIFY (?:TTL|SETTING|COLUMN \w+ (?:CODEC|TTL))|REMOVE TTL)\b/i

const alter: Rewrite = (statement, { cluster, database: db }) => {
  const match = /^ALTER TABLE (?<db>\w+)\.(?<name>\w+)\s(?<commands>[\s\S]*)$/i.exec(statement)?.groups
  if (match?.['db'] !== db) return undefined
  const commands = commandsOf(match['commands'] ?? '')
  if (!commands.every((command) => COLUMNS.test(command) || STORAGE.test(command))) return undefined
  const both = commands.filter((command) => COLUMNS.test(command))
  const head = (name: string): string => `ALTER TABLE ${db}.${name} ON CLUSTER ${cluster} `
  return [
    head(`${match['name']}_local`) + commands.join(', '),
    ...(both.length === 0 ? [] : [head(match['name'] ?? '') + both.join(', ')]),
  ]
}

const drop: Rewrite = (statement, { cluster, database: db }) => {
  const match = /^DROP (?<kind>TABLE|VIEW) IF EXISTS (?<db>\w+)\.(?<name>\w+)$/i.exec(statement)?.groups
  const { kind = '', name } = match ?? {}
  if (match?.['db'] !== db) return undefined
  const names = kind.toUpperCase() === 'TABLE' ? [`${name}`, `${name}_local`] : [`${name}`]
  return names.map((own) => `DROP ${kind} IF EXISTS ${db}.${own} ON CLUSTER ${cluster} SYNC`)
}

/** Rows of one table into another: one node reads those of all, and they are in place when it ends. */
const copy: Rewrite = (statement, { database: db }) => {
  const pattern = /^INSERT INTO (?<to>\w+)\.\w+ \([\w\s,]+\)\s+SELECT\s[\s\S]*\bFROM\s+(?<from>\w+)\.\w+/i
  const { to, from } = pattern.exec(statement)?.groups ?? {}
  return to === db && from === db ? [`${statement} SETTINGS distributed_foreground_insert = 1`] : undefined
}

/** Splits commands at the commas that stand outside of parentheses and quotes and begin another command. */
function commandsOf(text: string): string[] {
  const commands = ['']
  let depth = 0
  for (const [token] of text.matchAll(/'(?:[^'\\]|\\.)*'|`[^`]*`|[\s\S]/g)) {
    if (token === '(' || token === '[') depth += 1
    if (token === ')' || token === ']') depth -= 1
    if (token === ',' && depth === 0) commands.push('')
    else commands[commands.length - 1] += token
  }
  // MODIFY TTL and MODIFY SETTING have commas of their own: what begins no command belongs to the one before.
  const whole: string[] = []
  for (const part of commands) {
    const last = whole.pop()
    if (last === undefined) whole.push(part.trim())
    else if (BEGINS.test(part)) whole.push(last, part.trim())
    else whole.push(`${last},${part}`)
  }
  return whole
}

const BEGINS = /^\s*(?:ADD|MODIFY|MATERIALIZE|REMOVE|COMMENT|DROP|RENAME|UPDATE|DELETE|CLEAR|FREEZE)\s/i

/** Names the tables of this node instead of those that reach over the cluster. */
function localNames(text: string, { database: db }: ClusterSchema): string {
  return text.replaceAll(new RegExp(`\\b${db}\\.(\\w+)\\b`, 'g'), `${db}.$1_local`)
}
