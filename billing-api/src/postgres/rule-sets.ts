import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { canonicalJson } from '@vouch/proto/kernel/json.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import { draftRuleSet, requestOf } from '../attribution/draft.ts'
import type { RuleSetRequest } from '../attribution/draft.ts'
import type { RuleSet } from '../attribution/rule-set.ts'
import type { OpenPeriod } from '../contract/contract.ts'
import { ends } from './contracts.ts'
import type { Sql } from './database.ts'
import { pageOf } from './page.ts'
import type { Page, PageRequest } from './page.ts'

interface RuleSetRow {
  readonly version: number
  readonly effective_from: Date
  readonly document: string
}

/** Any constant: all who change what attribution follows from take the same lock. */
const LOCK = 7_301_826_002

const COLUMNS = 'version, effective_from, document'

/** Nobody else changes rules or attributes until the transaction ends. Take it before any account. */
export async function lockAttribution(sql: Sql): Promise<void> {
  await sql.rows('SELECT pg_advisory_xact_lock($1)', [LOCK])
}

/** The number that a new rule set takes; hold the lock. */
export async function nextRuleSetVersion(sql: Sql): Promise<number> {
  const [row] = await sql.rows<{ next: number }>(
    'SELECT coalesce(max(version), 0) + 1 AS next FROM billing.attribution_rule_sets',
  )
  return row?.next ?? 1
}

/** Whether a set is in force from this very instant. */
export async function isTaken(sql: Sql, fromMs: number): Promise<boolean> {
  const rows = await sql.rows('SELECT FROM billing.attribution_rule_sets WHERE effective_from = $1', [
    formatInstant(fromMs),
  ])
  return rows.length > 0
}

/** The instant from which the set after this instant is in force; undefined = there is none. */
export async function nextEffectiveFrom(sql: Sql, afterMs: number): Promise<number | undefined> {
  const [row] = await sql.rows<{ next: Date | null }>(
    'SELECT min(effective_from) AS next FROM billing.attribution_rule_sets WHERE effective_from > $1',
    [formatInstant(afterMs)],
  )
  return row?.next?.getTime()
}

/** Adds a rule set. Faults: ALREADY_EXISTS where another one is in force from the same instant. */
export async function insertRuleSet(sql: Sql, set: RuleSet, nowMs: number): Promise<void> {
  await sql.rows('INSERT INTO billing.attribution_rule_sets VALUES ($1, $2, $3, $4)', [
    set.version,
    formatInstant(set.effectiveFrom),
    canonicalJson(requestOf(set) as unknown as JsonValue),
    formatInstant(nowMs),
  ])
}

/** The rule set of this version. */
export async function findRuleSet(sql: Sql, version: number): Promise<RuleSet | undefined> {
  const rows = await sql.rows<RuleSetRow>(
    `SELECT ${COLUMNS} FROM billing.attribution_rule_sets WHERE version = $1`,
    [version],
  )
  return rows.map(ruleSetOf)[0]
}

/** The rule sets that are in force at some instant of a period, in order of time. */
export async function ruleSetsIn(sql: Sql, period: OpenPeriod): Promise<RuleSet[]> {
  const rows = await sql.rows<RuleSetRow>(
    `SELECT ${COLUMNS} FROM billing.attribution_rule_sets
     WHERE effective_from < coalesce($2, 'infinity'::timestamptz) AND effective_from >= coalesce(
       (SELECT max(effective_from) FROM billing.attribution_rule_sets WHERE effective_from <= $1), $1)
     ORDER BY effective_from`,
    ends(period),
  )
  return rows.map(ruleSetOf)
}

/** Rule sets by version. */
export async function listRuleSets(sql: Sql, { limit, after }: PageRequest): Promise<Page<RuleSet>> {
  const rows = await sql.rows<RuleSetRow>(
    `SELECT ${COLUMNS} FROM billing.attribution_rule_sets WHERE version > coalesce($1::integer, 0)
     ORDER BY version LIMIT $2`,
    [after, limit + 1],
  )
  return pageOf(rows, limit, (row) => `${row.version}`, ruleSetOf)
}

/** Those of the accounts that exist. */
export async function knownAccounts(sql: Sql, accounts: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await sql.rows<{ account_id: string }>(
    'SELECT account_id FROM billing.accounts WHERE account_id = ANY($1)',
    [accounts],
  )
  return new Set(rows.map(({ account_id: id }) => id))
}

/** What is kept was checked when it came. */
function ruleSetOf({ version, effective_from: from, document }: RuleSetRow): RuleSet {
  const rules = JSON.parse(document) as Omit<RuleSetRequest, 'effectiveFrom'>
  return unwrap(draftRuleSet({ ...rules, effectiveFrom: formatInstant(from.getTime()) }, { version }))
}
