import type { Fault } from '@vouch/proto/kernel/fault.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { QuoteDocument } from './document.ts'
import { quote } from './quote.ts'

/** What a command prints, and whether it is a fault. */
export interface Printed {
  readonly text: string
  readonly isFault: boolean
}

/** Charges as JSON; or the fault, with every single one in `causes`. */
export function quoteAnswer(document: string): Printed {
  const answer = quote(document)
  const value = answer.ok ? answer.value : { fault: faultJson(answer.fault) }
  return { text: `${JSON.stringify(value, null, 2)}\n`, isFault: !answer.ok }
}

/** The JSON Schema, draft 2020-12, of the document. */
export function quoteSchema(): Printed {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A quote',
    ...QuoteDocument,
  }
  return { text: `${JSON.stringify(schema, null, 2)}\n`, isFault: false }
}

function faultJson({ code, message, pointer, causes }: Fault): JsonValue {
  return {
    code,
    message,
    ...(pointer === undefined ? {} : { pointer }),
    ...(causes === undefined ? {} : { causes: causes.map((cause) => faultJson(cause)) }),
  }
}
