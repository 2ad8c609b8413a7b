import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatInstant } from '@vouch/proto/kernel/period.ts'
import type { DataDirectory } from './data-directory.ts'
import { ACCOUNT } from './demonstration.ts'
import type { Course } from './progress.ts'
import type { Rest } from './rest.ts'
import type { Vouch } from './services.ts'

/** The last line of standard output. */
export interface OnceResult {
  readonly invoice: {
    readonly number: string
    readonly currency: string
    readonly total: string
    readonly lines: readonly OnceLine[]
    readonly period: { readonly from: string; readonly to: string }
  }
  /** True where vouch-verify found everything to fit. */
  readonly verified: boolean
  /** Path of the proof. */
  readonly proof: string
  /** Path of the readable invoice. */
  readonly pdf: string
}

/** A line, shortened. */
interface OnceLine {
  readonly description: string
  readonly resource: string
  readonly quantity: string
  readonly unit: string
  readonly unitPrice: string
  readonly amount: string
}

interface Amount {
  readonly amount: string
  readonly currency: string
}

interface InvoiceView {
  readonly id: string
  readonly number: string
  readonly currency: string
  readonly total: Amount
  readonly period: { readonly from: string; readonly to: string }
  readonly lines: readonly {
    readonly description: string
    readonly resource: string
    readonly quantity: string
    readonly unit: string
    readonly unitPrice: Amount
    readonly amount: Amount
  }[]
}

const TICK_MS = 1000

/** Meters for a while (throws an AbortError when it is to end), bills what was metered, and checks the proof in a process of its own. */
export async function runOnce(
  vouch: Vouch,
  directory: DataDirectory,
  meterMs: number,
  { progress, stopping }: Course,
): Promise<OnceResult> {
  const from = vouch.meteringSinceMs
  for (let left = meterMs; left > 0; left -= TICK_MS) {
    progress.tick(`metering this machine, ${Math.ceil(left / 1000)} s to go`)
    await sleep(Math.min(TICK_MS, left), undefined, { signal: stopping })
  }
  const to = await vouch.stopMetering()
  progress.step(`metered ${((to - from) / 1000).toFixed(1)} s; every batch has its receipt`)
  const invoice = await bill(vouch.rest, from, to)
  progress.step(`invoice ${invoice.number}: ${invoice.total.amount} ${invoice.total.currency}`)
  const proof = directory.at(`${invoice.number}.proof.json`)
  const pdf = directory.at(`${invoice.number}.pdf`)
  await writeFile(proof, await vouch.rest.bytes(`/v1/invoices/${invoice.id}/proof`))
  await writeFile(pdf, await vouch.rest.bytes(`/v1/invoices/${invoice.id}/pdf`))
  const keys = directory.at('trusted-keys.json')
  await writeFile(keys, `${JSON.stringify(vouch.trustedKeys, null, 2)}\n`)
  const verified = await verifyApart([proof, '--keys', keys])
  progress.step(verified ? `proof verified: ${proof}` : `the proof does NOT verify: ${proof}`)
  return { invoice: shorten(invoice), verified, proof, pdf }
}

async function bill(rest: Rest, from: number, to: number): Promise<InvoiceView> {
  const period = { from: formatInstant(from), to: formatInstant(to) }
  const run = await rest.post<{ invoices: { id: string }[]; skipped: { message: string }[] }>(
    '/v1/invoice-runs',
    {
      account: ACCOUNT,
      period,
    },
  )
  const id = run.invoices[0]?.id
  if (id === undefined)
    throw new Error(`no invoice was drawn: ${run.skipped[0]?.message ?? 'nothing to bill'}`)
  await rest.post(`/v1/invoices/${id}/issue`)
  return rest.get(`/v1/invoices/${id}`)
}

function shorten(invoice: InvoiceView): OnceResult['invoice'] {
  const { number, currency, total, period } = invoice
  const lines = invoice.lines.map(({ description, resource, quantity, unit, unitPrice, amount }) => ({
    description,
    resource,
    quantity,
    unit,
    unitPrice: unitPrice.amount,
    amount: amount.amount,
  }))
  return { number, currency, total: total.amount, lines, period }
}

/** Runs vouch-verify as a customer would; what it prints goes to standard error. */
async function verifyApart(arguments_: readonly string[]): Promise<boolean> {
  const program = createRequire(import.meta.url).resolve('@vouch/rating/verify-main.ts')
  const flags = ['--disable-warning=ExperimentalWarning', program]
  const child = spawn(process.execPath, [...flags, ...arguments_], { stdio: ['ignore', 2, 2] })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code === 0))
  })
}
