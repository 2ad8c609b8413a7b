import { Compile } from 'typebox/compile'
import { Settings } from 'typebox/system'
import type { TSchema } from 'typebox'
import type { TLocalizedValidationError } from 'typebox/error'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { nearest } from '@vouch/proto/kernel/nearest.ts'

/** Members that say which of several forms an object has. */
const DISCRIMINATORS = ['kind', 'model']

/** It would tell of the first eight alone. The bound is one for the process, whoever else sets it. */
Settings.Set({ maxErrors: 10_000 })

/** A JSON Schema, as far as it is walked here. */
interface Schema {
  readonly type?: string
  readonly description?: string
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
}

/**
 * What is wrong with a value by its schema, all at once, up to 10,000 errors (else it is not whole), each with its JSON pointer. Of several forms only that one counts
 * which the member `kind` or `model` names.
 */
export function faultsBySchema(
  schema: TSchema,
  value: unknown,
): { readonly faults: readonly Fault[]; readonly isWhole: boolean } {
  const faults: Fault[] = []
  const own = formOf(schema, value, '', faults)
  const validator = Compile(own as TSchema)
  const errors = validator.Check(value) ? [] : validator.Errors(value)
  for (const error of errors) faults.push(...faultsOf(own, error))
  return {
    faults: [...new Map(faults.map((fault) => [`${fault.pointer} ${fault.code}`, fault])).values()],
    isWhole: errors.length < Settings.Get().maxErrors,
  }
}

/** The schema with each choice of forms replaced by the one that the value says it has; a fault where it says none. */
function formOf(schema: Schema, value: unknown, pointer: string, faults: Fault[]): Schema {
  if (!hasForms(schema)) return schema
  if (schema.anyOf !== undefined && memberOf(schema) !== undefined) {
    const form = schema.anyOf.find((each) => isForm(each, value))
    if (form !== undefined) return formOf(form, value, pointer, faults)
    faults.push(unknownForm(schema, value, pointer))
    return {}
  }
  if (Array.isArray(value) && schema.items !== undefined) {
    const { items, ...rest } = schema
    const prefixItems = value.map((item, index) => formOf(items, item, `${pointer}/${index}`, faults))
    return { ...rest, prefixItems } as Schema
  }
  if (!isObject(value)) return schema
  const [any] = Object.values(schema.patternProperties ?? {})
  const members = Object.keys(any === undefined ? (schema.properties ?? {}) : value).map((name) => {
    const member = any ?? schema.properties?.[name] ?? {}
    const given = value[name]
    return [name, given === undefined ? member : formOf(member, given, `${pointer}/${escaped(name)}`, faults)]
  })
  return { ...schema, properties: Object.fromEntries(members) as Record<string, Schema> }
}

function hasForms(schema: Schema): boolean {
  if (schema.anyOf !== undefined && memberOf(schema) !== undefined) return true
  return [
    ...Object.values(schema.properties ?? {}),
    ...Object.values(schema.patternProperties ?? {}),
    ...(schema.items === undefined ? [] : [schema.items]),
  ].some((inner) => hasForms(inner))
}

/** The member that tells the forms of a choice apart. */
function memberOf({ anyOf = [] }: Schema): string | undefined {
  return DISCRIMINATORS.find((name) =>
    anyOf.every(({ properties }) => properties?.[name]?.const !== undefined),
  )
}

function isForm({ properties }: Schema, value: unknown): boolean {
  return DISCRIMINATORS.some((name) => {
    const wanted = properties?.[name]?.const
    return wanted !== undefined && isObject(value) && value[name] === wanted
  })
}

function unknownForm(schema: Schema, value: unknown, place: string): Fault {
  const member = memberOf(schema) ?? ''
  const names = (schema.anyOf ?? []).map(({ properties }) => String(properties?.[member]?.const))
  const given = isObject(value) ? value[member] : undefined
  const suggestion = typeof given === 'string' ? nearest(given, names) : undefined
  const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`
  const code = given === undefined ? 'FIELD_MISSING' : 'FIELD_INVALID'
  const pointer = `${place}/${member}`
  return fail(code, `${member} must be one of ${names.join(', ')}${hint}`, { pointer }).fault
}

function faultsOf(schema: Schema, error: TLocalizedValidationError): Fault[] {
  const { instancePath: pointer, schemaPath, keyword } = error
  // The schema `false` of a member that is reported as unknown.
  if (keyword === 'boolean') return []
  const at = schemaAt(schema, schemaPath)
  if (keyword === 'additionalProperties')
    return error.params.additionalProperties.map((name) => {
      const known = Object.keys(at.properties ?? {})
      const suggestion = nearest(name, known)
      const hint = suggestion === undefined ? `known are ${known.join(', ')}` : `did you mean ${suggestion}?`
      const place = { pointer: `${pointer}/${escaped(name)}` }
      return fail('FIELD_UNKNOWN', `${name} is not a field here; ${hint}`, place).fault
    })
  if (keyword === 'required')
    return error.params.requiredProperties.map(
      (name) => fail('FIELD_MISSING', `${name} is required`, { pointer: `${pointer}/${name}` }).fault,
    )
  const name = pointer.split('/').at(-1)
  const subject = name === undefined || name === '' ? 'the document' : name
  const rule =
    keyword === 'pattern' && at.description !== undefined ? `takes ${at.description}` : ruleOf(error)
  return [fail('FIELD_INVALID', `${subject} ${rule}`, { pointer }).fault]
}

function ruleOf(error: TLocalizedValidationError): string {
  return error.keyword === 'enum' ? `must be one of ${error.params.allowedValues.join(', ')}` : error.message
}

function schemaAt(schema: Schema, path: string): Schema {
  return path
    .split('/')
    .slice(1)
    .reduce<Schema>((at, name) => {
      const member = (at as Readonly<Record<string, Schema>>)[
        name.replaceAll('~1', '/').replaceAll('~0', '~')
      ]
      return member ?? {}
    }, schema)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A name as a part of a JSON pointer. */
export function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
