import { Type } from '@fastify/type-provider-typebox'
import { Amount, closed } from './schemas.ts'

const borne = {
  costCentre: Type.Optional(Type.String({ description: 'Absent = the account as such' })),
  amount: Amount,
}

/** How a line divides. */
export const CostCentreParts = Type.Array(
  Type.Object(
    {
      ...borne,
      share: Type.Optional(
        Type.String({
          description:
            'Exact part of the line: a decimal, or a fraction; absent in corrections, which are differences of two divisions',
        }),
      ),
    },
    closed,
  ),
  {
    description:
      'How the amount divides over the account’s cost centres; sums to it; absent where the account bears it as such',
  },
)

/** What cost centres bear of an invoice. */
export const CostCentreTotals = Type.Array(Type.Object(borne, closed), {
  description: 'Totals over all lines; sum to the total; absent where no line is divided',
})
