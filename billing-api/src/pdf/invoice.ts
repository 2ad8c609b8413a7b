import type { Invoice } from '../invoice/invoice.ts'
export async function renderInvoice(invoice: Invoice): Promise<Uint8Array> {
  return new TextEncoder().encode(invoice.id)
}
