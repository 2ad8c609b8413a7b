import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { Period } from '@vouch/proto/kernel/period.ts'
import { agreedOver, termCutShort } from '../contract/contract.ts'
import { windowedBounds } from '../invoice/windows.ts'
import { tariffOf } from './catalogue.ts'
import type { Agreement, Assignment, Closing, Contract, OpenPeriod } from '../contract/contract.ts'
import { pageOf } from './page.ts'
import type { Page, PageRequest } from './page.ts'
import type { Sql } from './database.ts'

interface PeriodRow {
  readonly from: Date
  readonly to: Date | null
}

interface ContractRow extends PeriodRow {
  readonly contract_id: string
  readonly account_id: string
  readonly tariff_id: string
  readonly tariff_version: number
  readonly grace_minutes: number
  readonly late_usage: Closing['lateUsage']
  readonly late_days: number
  readonly late_minimum: string
  readonly agreed_to: Date | null
  readonly is_fee_waived: boolean
}

interface AssignmentRow extends PeriodRow {
  readonly assignment_id: string
  readonly account_id: string
  readonly resource: string
  readonly dimensions: Record<string, string>
}

/** Two tables that are asked the same questions. */
export type Table = 'contracts' | 'assignments'

const RANGE = 'lower(period) AS "from", upper(period) AS "to"'
const CONTRACT = `contract_id, account_id, tariff_id, tariff_version, grace_minutes, late_usage, late_days, late_minimum,
  agreed_to, is_fee_waived, ${RANGE}`
const ASSIGNMENT = `assignment_id, account_id, resource, dimensions, ${RANGE}`

/** Adds a contract. Faults: CONTRACT_OVERLAP. */
export async function insertContract(sql: Sql, contract: Contract, nowMs: number): Promise<void> {
  const { graceMinutes, lateUsage, lateDays, lateMinimum } = contract.closing
  await sql.rows(
    `INSERT INTO billing.contracts (contract_id, account_id, tariff_id, tariff_version, period, created_at,
       grace_minutes, late_usage, late_days, late_minimum, agreed_to)
     VALUES ($1, $2, $3, $4, tstzrange($5, $6), $7, $8, $9, $10, $11, $12)`,
    [
      contract.id,
      contract.account,
      contract.tariff,
      contract.tariffVersion,
      ...ends(contract.period),
      formatInstant(nowMs),
      graceMinutes,
      lateUsage,
      lateDays,
      lateMinimum,
      contract.agreedTo === undefined ? null : formatInstant(contract.agreedTo),
    ],
  )
}

/** Adds an assignment. Faults: ASSIGNMENT_OVERLAP. */
export async function insertAssignment(sql: Sql, assignment: Assignment, nowMs: number): Promise<void> {
  await sql.rows(
    `INSERT INTO billing.assignments (assignment_id, account_id, resource, period, created_at, dimensions)
     VALUES ($1, $2, $3, tstzrange($4, $5), $6, $7)`,
    [
      assignment.id,
      assignment.account,
      assignment.resource,
      ...ends(assignment.period),
      formatInstant(nowMs),
      JSON.stringify(assignment.dimensions),
    ],
  )
}

/** The contract of this id. */
export async function findContract(sql: Sql, id: string): Promise<Contract | undefined> {
  const rows = await sql.rows<ContractRow>(
    `SELECT ${CONTRACT} FROM billing.contracts WHERE contract_id = $1`,
    [id],
  )
  return rows.map(contractOf)[0]
}

/** The assignment of this id. */
export async function findAssignment(sql: Sql, id: string): Promise<Assignment | undefined> {
  const rows = await sql.rows<AssignmentRow>(
    `SELECT ${ASSIGNMENT} FROM billing.assignments WHERE assignment_id = $1`,
    [id],
  )
  return rows.map(assignmentOf)[0]
}

/** Gives a contract or assignment its end. Faults: the overlap faults, where the end moves out. */
export async function setEnd(sql: Sql, table: Table, id: string, toMs: number): Promise<void> {
  const column = table === 'contracts' ? 'contract_id' : 'assignment_id'
  await sql.rows(`UPDATE billing.${table} SET period = tstzrange(lower(period), $2) WHERE ${column} = $1`, [
    id,
    formatInstant(toMs),
  ])
}

/** Decides whether a contract that ends before its agreed term does so without a fee. */
export async function setFeeWaived(sql: Sql, id: string, isFeeWaived: boolean): Promise<void> {
  await sql.rows('UPDATE billing.contracts SET is_fee_waived = $2 WHERE contract_id = $1', [id, isFeeWaived])
}

/** An account's contracts that touch a period. */
export async function contractsIn(sql: Sql, account: string, period: OpenPeriod): Promise<Contract[]> {
  const rows = await sql.rows<ContractRow>(
    `SELECT ${CONTRACT} FROM billing.contracts WHERE account_id = $1 AND period && tstzrange($2, $3)`,
    [account, ...ends(period)],
  )
  return rows.map(contractOf)
}

/** So many contracts in force at an instant, of one account or all, by account. */
export async function contractsAt(
  sql: Sql,
  atMs: number,
  { account, limit }: { readonly account: string | undefined; readonly limit: number },
): Promise<Contract[]> {
  const rows = await sql.rows<ContractRow>(
    `SELECT ${CONTRACT} FROM billing.contracts
     WHERE period @> $1::timestamptz AND ($2::text IS NULL OR account_id = $2) ORDER BY account_id LIMIT $3`,
    [formatInstant(atMs), account ?? null, limit],
  )
  return rows.map(contractOf)
}

/**
 * What is agreed of the tariff of a contract. A version that bounds windows in another way begins
 * anew: what was promised before is settled where it ends.
 */
export async function agreementOf(sql: Sql, contract: Contract): Promise<Agreement> {
  const always = { from: 0, to: undefined }
  const contracts = await contractsIn(sql, contract.account, always)
  const bounds = new Map<number, string>()
  for (const { tariff, tariffVersion: version } of contracts)
    if (tariff === contract.tariff && !bounds.has(version))
      bounds.set(version, windowedBounds(await tariffOf(sql, { tariff, tariffVersion: version })))
  const own = bounds.get(contract.tariffVersion)
  const period = agreedOver(
    contract,
    contracts.filter(({ tariffVersion }) => bounds.get(tariffVersion) === own),
  )
  // A new version is no end of a term, whatever it bounds.
  return { period, cutShort: termCutShort(contract, contracts) }
}

/** An account's assignments that touch a period. */
export async function assignmentsIn(sql: Sql, account: string, period: Period): Promise<Assignment[]> {
  const rows = await sql.rows<AssignmentRow>(
    `SELECT ${ASSIGNMENT} FROM billing.assignments WHERE account_id = $1 AND period && tstzrange($2, $3)`,
    [account, ...ends(period)],
  )
  return rows.map(assignmentOf)
}

/** The account that has one of the resources assigned for all of a period. */
export async function holderOf(
  sql: Sql,
  resources: readonly string[],
  period: Period,
): Promise<string | undefined> {
  const rows = await sql.rows<{ account_id: string }>(
    'SELECT account_id FROM billing.assignments WHERE resource = ANY($1) AND period @> tstzrange($2, $3)',
    [resources, ...ends(period)],
  )
  return rows[0]?.account_id
}

/**
 * Accounts to draw invoices for over a period, by id, at most `limit`: those with a contract that touches it, and those whose
 * contract has ended but may still take late usage, settle a window, or have fees given back, of invoices that reach up to a year beyond its end.
 */
export async function accountsToDraw(
  sql: Sql,
  period: Period,
  limit: number,
): Promise<{ readonly id: string; readonly isUnderContract: boolean }[]> {
  const rows = await sql.rows<{ account_id: string; under: boolean }>(
    `SELECT account_id, bool_or(period && tstzrange($1, $2)) AS under FROM billing.contracts
     WHERE period && tstzrange($1, $2) OR (upper(period) <= $1
       AND upper(period) + make_interval(years => 1, days => late_days) >= $1)
     GROUP BY account_id ORDER BY account_id LIMIT $3`,
    [...ends(period), limit],
  )
  return rows.map(({ account_id: id, under: isUnderContract }) => ({ id, isUnderContract }))
}

/** The longest that a contract of an account takes late usage, days. */
export async function lateDaysMax(sql: Sql, account: string): Promise<number> {
  const [row] = await sql.rows<{ days: number | null }>(
    `SELECT max(late_days) AS days FROM billing.contracts WHERE account_id = $1 AND late_usage = 'next-invoice'`,
    [account],
  )
  return row?.days ?? 0
}

/** Contracts by id, which is the order of their making. */
export async function listContracts(sql: Sql, { limit, after }: PageRequest): Promise<Page<Contract>> {
  const rows = await sql.rows<ContractRow>(
    `SELECT ${CONTRACT} FROM billing.contracts WHERE $1::uuid IS NULL OR contract_id > $1
     ORDER BY contract_id LIMIT $2`,
    [after, limit + 1],
  )
  return pageOf(rows, limit, (row) => row.contract_id, contractOf)
}

/** Assignments by id, which is the order of their making. */
export async function listAssignments(sql: Sql, { limit, after }: PageRequest): Promise<Page<Assignment>> {
  const rows = await sql.rows<AssignmentRow>(
    `SELECT ${ASSIGNMENT} FROM billing.assignments WHERE $1::uuid IS NULL OR assignment_id > $1
     ORDER BY assignment_id LIMIT $2`,
    [after, limit + 1],
  )
  return pageOf(rows, limit, (row) => row.assignment_id, assignmentOf)
}

/** Both ends as the database takes them; no end is null. */
export function ends({ from, to }: OpenPeriod): [string, string | null] {
  return [formatInstant(from), to === undefined ? null : formatInstant(to)]
}

function contractOf(row: ContractRow): Contract {
  return {
    id: row.contract_id,
    account: row.account_id,
    tariff: row.tariff_id,
    tariffVersion: row.tariff_version,
    period: periodOf(row),
    agreedTo: row.agreed_to?.getTime(),
    isFeeWaived: row.is_fee_waived,
    closing: {
      graceMinutes: row.grace_minutes,
      lateUsage: row.late_usage,
      lateDays: row.late_days,
      lateMinimum: row.late_minimum,
    },
  }
}

function assignmentOf(row: AssignmentRow): Assignment {
  const { assignment_id: id, account_id: account, resource, dimensions } = row
  return { id, account, resource, dimensions, period: periodOf(row) }
}

function periodOf({ from, to }: PeriodRow): OpenPeriod {
  return { from: from.getTime(), to: to?.getTime() }
}
