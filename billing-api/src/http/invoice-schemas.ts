import { Type } from '@fastify/type-provider-typebox'
import { CostCentreParts, CostCentreTotals } from './cost-centre-schemas.ts'
import { UsageCorrectionReply } from './usage-correction-view.ts'
import { Amount, Decimal, Instant, Name, PeriodBody, Slug, Uuid, Version, closed } from './schemas.ts'

const Party = Type.Object({ id: Type.String(), name: Type.String() }, closed)

const Milliseconds = Type.Integer({ minimum: 0, description: 'Milliseconds' })

const Boundary = Type.Object({ at: Instant, register: Type.String() }, closed)

const Stream = Type.Object(
  {
    stream: Type.String(),
    agent: Type.String(),
    resource: Type.String(),
    quantity: Decimal,
    epochs: Type.Array(
      Type.Object({ epoch: Type.String(), opening: Boundary, closing: Boundary, quantity: Decimal }, closed),
    ),
    coverage: Type.Object(
      {
        coveredMs: Milliseconds,
        spreadMs: Milliseconds,
        missingMs: Milliseconds,
        gaps: Type.Array(
          Type.Object({ from: Instant, to: Instant, kind: Type.Enum(['missing', 'spread']) }, closed),
        ),
      },
      closed,
    ),
  },
  closed,
)

/** Usage of one meter. */
export const UsageReply = Type.Object(
  { meter: Type.String(), unit: Type.String(), quantity: Decimal, streams: Type.Array(Stream) },
  closed,
)

const InvoiceLine = Type.Object(
  {
    lineNumber: Type.Integer({ minimum: 1 }),
    description: Type.String(),
    kind: Type.String(),
    rule: Type.String(),
    item: Type.String({ description: "What is sold; the rule's id where it sells no item" }),
    pool: Type.Optional(Type.String({ description: 'Which of the pools that the rule prices apart' })),
    resource: Type.Optional(Type.String({ description: 'Where the line is of a single one' })),
    meter: Type.Optional(Type.String({ description: 'Where the line is of a single one' })),
    tariff: Type.Object({ id: Slug, version: Version }, closed),
    corrects: Type.Optional(Type.String({ description: 'Number of the invoice that it corrects' })),
    period: PeriodBody,
    quantity: Type.Optional(Decimal),
    unit: Type.Optional(Type.String()),
    unitPrice: Type.Optional(Amount),
    exact: Type.String({ description: 'The amount before it was rounded: a decimal, or a fraction' }),
    amount: Amount,
    coverage: Type.Object(
      {
        coveredMs: Milliseconds,
        spreadMs: Milliseconds,
        missingMs: Milliseconds,
        estimatedMs: Type.Integer({
          minimum: 0,
          description: 'Milliseconds of what is missing that a line estimates',
        }),
      },
      { ...closed, description: 'Summed over streams' },
    ),
    costCentres: Type.Optional(CostCentreParts),
    held: Type.Boolean({ description: 'Readings cover less of the time than the rule asks for' }),
    trace: Type.Array(
      Type.Object({ rule: Type.String(), input: Type.String(), output: Type.String() }, closed),
    ),
    streams: Type.Array(Stream),
  },
  closed,
)

const Statement = Type.Object(
  {
    tariff: Type.Object({ id: Slug, version: Version }, closed),
    period: PeriodBody,
    corrects: Type.Optional(Type.String({ description: 'Number of the invoice that it corrects' })),
    snapshotSha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    watermarks: Type.Array(
      Type.Object(
        {
          agent: Type.String(),
          run: Type.String(),
          sequence: Type.String(),
          batch: Type.String(),
          lastReading: Instant,
        },
        closed,
      ),
      { description: 'The newest batch of each agent when usage was frozen' },
    ),
    estimates: Type.Array(
      Type.Object(
        {
          resource: Type.String(),
          meter: Type.String(),
          method: Type.String(),
          gap: PeriodBody,
          periods: Type.Array(PeriodBody, {
            description: 'The parts of the gap for which the hour stands in',
          }),
          hour: PeriodBody,
          quantity: Type.String({
            description: 'What was measured in the hour, in the unit of the register',
          }),
          unit: Type.String(),
        },
        closed,
      ),
      { description: 'Gaps in what was measured, and what stands in for them' },
    ),
    usageCorrections: Type.Array(UsageCorrectionReply, {
      description: 'What persons decided about the usage',
    }),
    unpriced: Type.Array(
      Type.Object({ resource: Type.String(), meter: Type.String(), periods: Type.Array(PeriodBody) }, closed),
      { description: 'Usage that no rule prices' },
    ),
  },
  closed,
)

const InvoiceHead = {
  id: Uuid,
  status: Type.Enum(['draft', 'issued']),
  number: Type.Optional(Type.String()),
  issuedAt: Type.Optional(Instant),
  proofSha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  seller: Party,
  buyer: Party,
  currency: Type.String(),
  period: PeriodBody,
  timeZone: Type.String(),
  total: Amount,
  createdAt: Instant,
}

/** An invoice as listings show it. */
export const InvoiceSummary = Type.Object(InvoiceHead, closed)

/** An invoice. */
export const InvoiceReply = Type.Object(
  {
    ...InvoiceHead,
    lines: Type.Array(InvoiceLine),
    statements: Type.Array(Statement),
    costCentres: Type.Optional(CostCentreTotals),
    release: Type.Optional(
      Type.Object(
        { at: Instant, actor: Type.String({ description: 'The API key' }), reason: Type.String() },
        { ...closed, description: 'Who accepted lines that were held for review' },
      ),
    ),
  },
  closed,
)

const Difference = Type.Object(
  {
    line: Type.String(),
    description: Type.String(),
    kind: Type.String(),
    item: Type.String(),
    resource: Type.Optional(Type.String()),
    quantity: Type.Optional(Decimal),
    unit: Type.Optional(Type.String()),
    billed: Amount,
    now: Amount,
    difference: Amount,
    trace: Type.Array(
      Type.Object({ rule: Type.String(), input: Type.String(), output: Type.String() }, closed),
    ),
  },
  closed,
)

/** What re-rating an invoice comes to, beyond what was billed. */
export const ReratingReply = Type.Object(
  {
    number: Type.String(),
    statements: Type.Array(
      Type.Object(
        {
          tariff: Type.Object({ id: Slug, version: Version }, closed),
          period: PeriodBody,
          lines: Type.Array(Difference),
        },
        closed,
      ),
    ),
    difference: Amount,
  },
  closed,
)

/** Why a draft that is held may be issued. */
export const ReleaseBody = Type.Object({ reason: Name }, closed)

/** Which months of an account to rate, and under what. */
export const SimulationBody = Type.Object(
  {
    account: Slug,
    from: Type.Object(
      {
        year: Type.Integer({ minimum: 1970, maximum: 9999 }),
        month: Type.Integer({ minimum: 1, maximum: 12 }),
      },
      closed,
    ),
    months: Type.Integer({ minimum: 1, maximum: 12, description: 'So many, from that one on' }),
    candidates: Type.Array(Type.Object({ id: Slug, version: Type.Optional(Version) }, closed), {
      minItems: 1,
      maxItems: 20,
    }),
    cost: Type.Optional(
      Type.Object(
        { id: Slug, version: Type.Optional(Version) },
        {
          ...closed,
          description: 'The tariff by which the same usage costs the seller: margins are beyond it',
        },
      ),
    ),
  },
  closed,
)

/** Every way of pricing, the cheapest first. */
export const SimulationReply = Type.Object(
  {
    account: Slug,
    periods: Type.Array(PeriodBody),
    courses: Type.Array(
      Type.Object(
        {
          rank: Type.Integer({ minimum: 1 }),
          tariff: Type.Optional(
            Type.Object(
              { id: Slug, version: Version },
              { ...closed, description: 'Absent = the contracts as they are' },
            ),
          ),
          total: Amount,
          mean: Amount,
          variationPercent: Type.Optional(Decimal),
          margin: Type.Optional(Amount),
          marginPercent: Type.Optional(Decimal),
          breakEven: Type.Optional(
            Type.Integer({
              minimum: 1,
              description:
                'The period from which on all periods so far come to no more than under the present contracts',
            }),
          ),
          totals: Type.Array(Amount),
          reasons: Type.Array(Type.String()),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** What to draw invoices for: one account or all, over a period or a month of each account's time zone. */
export const RunBody = Type.Object(
  {
    account: Type.Optional(Slug),
    period: Type.Optional(PeriodBody),
    month: Type.Optional(
      Type.Object(
        {
          year: Type.Integer({ minimum: 1970, maximum: 9999 }),
          month: Type.Integer({ minimum: 1, maximum: 12 }),
        },
        closed,
      ),
    ),
  },
  closed,
)

/** What a run drew, and whom it passed over. */
export const RunReply = Type.Object(
  {
    invoices: Type.Array(InvoiceSummary),
    skipped: Type.Array(Type.Object({ account: Slug, code: Type.String(), message: Type.String() }, closed)),
  },
  closed,
)
