import { Type } from '@fastify/type-provider-typebox'
import { Amount, Decimal, Instant, Name, OpenPeriodBody, PeriodBody, Slug, Uuid, Version } from './schemas.ts'

/** An object that refuses members it does not know. */
const closed = { additionalProperties: false }

/** The id of a resource. */
export const ResourcePath = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'Such as "host:a/disk:vda"',
})

const ATTRIBUTES_MAX = 50

const attributeNames = {
  type: 'object',
  maxProperties: ATTRIBUTES_MAX,
  propertyNames: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9._/-]{0,99}$' },
}

/** Attributes: text by name. */
const Attributes = Type.Unsafe<Record<string, string>>({
  ...attributeNames,
  additionalProperties: Name,
  description:
    'Labels, text by name, such as {"env": "live"}; what lies below inherits them, its own ones win',
})

/** Attributes from an instant on. */
export const AttributesBody = Type.Object(
  { resource: ResourcePath, attributes: Attributes, from: Instant },
  closed,
)

/** Attributes over a stretch of time. */
export const AttributesReply = Type.Object(
  { resource: ResourcePath, attributes: Attributes, period: OpenPeriodBody },
  closed,
)

const bucket = { account: Slug, costCentre: Type.Optional(Slug) }

const Bucket = Type.Object(bucket, closed)

const Share = Type.Object({ ...bucket, percent: Decimal }, closed)

const Rule = Type.Object(
  {
    id: Slug,
    priority: Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'The smaller one is asked first' }),
    when: Type.Object(
      {
        resource: Type.Optional(
          Type.String({
            maxLength: 202,
            description: 'A path such as "host:a", or "host:a/*" for host:a with everything below it',
          }),
        ),
        attributes: Type.Optional(
          Type.Unsafe<Record<string, string | string[]>>({
            ...attributeNames,
            additionalProperties: Type.Union([Name, Type.Array(Name, { minItems: 1, maxItems: 100 })]),
            description: 'What each must be: a value, or one of several',
          }),
        ),
      },
      { ...closed, description: 'All of it must be true; without any condition everything matches' },
    ),
    to: Type.Array(Share, { minItems: 1, maxItems: 100, description: 'Percentages sum to exactly 100' }),
  },
  closed,
)

const rules = {
  rules: Type.Array(Rule, {
    maxItems: 1000,
    description: 'Asked by priority, then id: the first that matches decides',
  }),
  default: Type.Optional(Bucket),
}

/** A rule set as asked for. */
export const RuleSetBody = Type.Object({ effectiveFrom: Instant, ...rules }, closed)

/** A rule set. */
export const RuleSetReply = Type.Object({ version: Version, effectiveFrom: Instant, ...rules }, closed)

const Seen = Type.Object({ name: Type.String(), value: Type.String(), from: ResourcePath }, closed)

/** Who bears a resource at an instant, and why. */
export const AttributionReply = Type.Object(
  {
    resource: ResourcePath,
    at: Instant,
    by: Type.Enum(['assignment', 'rule', 'default', 'nobody']),
    assignment: Type.Optional(Type.Object({ id: Uuid, account: Slug, resource: ResourcePath }, closed)),
    ruleSet: Type.Optional(Version),
    rule: Type.Optional(Slug),
    shares: Type.Array(Share),
    attributes: Type.Array(Seen, { description: 'As the resource has them, and which path says so' }),
    rejected: Type.Array(
      Type.Object(
        {
          rule: Slug,
          condition: Type.String({ description: '"resource", or "attributes." and a name' }),
          wanted: Type.Array(Type.String()),
          met: Type.Optional(Type.String({ description: 'Absent = there is no such attribute' })),
        },
        closed,
      ),
      { description: 'Rules that were asked before, each with the first condition that was not met' },
    ),
  },
  closed,
)

/** What to preview. */
export const PreviewBody = Type.Object(
  {
    ruleSet: RuleSetBody,
    period: PeriodBody,
    keepAssigned: Type.Optional(
      Type.Boolean({
        description:
          'Whether what is assigned by hand stays where it is, as it would be drawn; otherwise the preview says what rules would do in the place of assignments. False if absent',
      }),
    ),
  },
  closed,
)

/** What a rule set would move. */
export const PreviewReply = Type.Object(
  {
    lines: Type.Integer({ minimum: 0, description: 'Invoice lines of one resource that were looked at' }),
    moves: Type.Array(
      Type.Object(
        {
          resource: ResourcePath,
          from: Slug,
          to: Type.Optional(Type.String({ description: 'Absent = nobody' })),
          amount: Amount,
        },
        closed,
      ),
    ),
    accounts: Type.Array(Type.Object({ account: Slug, gains: Amount, losses: Amount, net: Amount }, closed), {
      description: 'By account and currency',
    }),
  },
  closed,
)

/** A resource with the stretches in which nobody bears it. */
export const UnattributedReply = Type.Object(
  { resource: ResourcePath, periods: Type.Array(PeriodBody) },
  closed,
)
