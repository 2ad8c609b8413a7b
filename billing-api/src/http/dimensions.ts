import { Type } from '@fastify/type-provider-typebox'
import { collect, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'

const One = Type.String({ minLength: 2, maxLength: 301 })

/** Which dimensions are asked for. */
export const DimensionQuery = Type.Optional(
  Type.Union([One, Type.Array(One, { minItems: 1, maxItems: 20 })], {
    description: 'A name and a value such as `region=eu`; may be repeated, and then all must be there',
  }),
)

/** Names and values that are asked for. Fault: FIELD_INVALID. */
export function parseDimensions(
  asked: string | readonly string[] | undefined,
): Result<(readonly [name: string, value: string])[]> {
  return collect(
    [asked ?? []].flat().map((text): Result<readonly [string, string]> => {
      const at = text.indexOf('=')
      return at > 0
        ? ok([text.slice(0, at), text.slice(at + 1)])
        : fail('FIELD_INVALID', `a dimension is a name and a value such as region=eu, not ${text}`, {
            pointer: '/dimension',
          })
    }),
  )
}
