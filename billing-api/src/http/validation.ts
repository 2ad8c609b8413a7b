import type { FastifySchemaCompiler } from 'fastify'
import { Compile } from 'typebox/compile'
import { Settings } from 'typebox/system'
import type { TLocalizedValidationError } from 'typebox/error'
import type { TSchema } from '@fastify/type-provider-typebox'
import { FaultError, fail, summarise } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { nearest } from '@vouch/proto/kernel/nearest.ts'

/** It would tell of the first eight faults alone. The bound is one for the process, whoever else sets it. */
Settings.Set({ maxErrors: 10_000 })

/** Checks a part of a request against its schema, as it is: nothing is coerced, added or dropped. */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema }) => {
  const validator = Compile(schema)
  return (value: unknown) => {
    if (validator.Check(value)) return { value }
    const [first, ...rest] = validator.Errors(value).flatMap((error) => faultsOf(schema, error))
    if (first === undefined) throw new Error('a value was refused without a reason')
    return { error: new FaultError(summarise([first, ...rest]).fault) }
  }
}

function faultsOf(schema: TSchema, error: TLocalizedValidationError): Fault[] {
  const { instancePath: place } = error
  if (error.keyword === 'additionalProperties') {
    // Members of any name, one of which has a value at fault: that is reported as well.
    if (typeof memberAt(schema, place.split('/').slice(1)).additionalProperties === 'object') return []
    if (memberAt(schema, place.split('/').slice(1)).patternProperties !== undefined)
      return error.params.additionalProperties.map((name) => unfitName(schema, place, name))
    return error.params.additionalProperties.map((name) => unknownField(schema, place, name))
  }
  if (error.keyword === 'required') {
    return error.params.requiredProperties.map(
      (name) => fail('FIELD_MISSING', `${name} is required`, { pointer: `${place}/${name}` }).fault,
    )
  }
  // The schema `false` of a member that was reported as unknown already.
  if (error.keyword === 'boolean') return []
  const name = place.split('/').at(-1)
  const subject = name === undefined || name === '' ? 'the value' : name
  if (error.keyword === 'format') {
    return [
      fail('INSTANT_INVALID', `${subject} must be an RFC 3339 instant such as "2026-03-01T00:00:00Z"`, {
        pointer: place,
      }).fault,
    ]
  }
  const { description } = memberAt(schema, place.split('/').slice(1))
  const rule =
    error.keyword === 'pattern' && description !== undefined ? `takes: ${description}` : error.message
  return [fail('FIELD_INVALID', `${subject} ${rule}`, { pointer: place }).fault]
}

function unknownField(schema: TSchema, place: string, name: string): Fault {
  const known = Object.keys(memberAt(schema, place.split('/').slice(1)).properties ?? {})
  const suggestion = nearest(name, known)
  const hint = suggestion === undefined ? `known are ${known.join(', ')}` : `did you mean ${suggestion}?`
  const pointer = `${place}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
  return fail('FIELD_UNKNOWN', `${name} is not a field here; ${hint}`, { pointer }).fault
}

function unfitName(schema: TSchema, place: string, name: string): Fault {
  const { description = 'names of another form' } = memberAt(schema, place.split('/').slice(1))
  const pointer = `${place}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
  return fail('FIELD_UNKNOWN', `${name} is no name here, which takes: ${description}`, { pointer }).fault
}

interface ObjectOrArray {
  readonly description?: string
  readonly properties?: Readonly<Record<string, ObjectOrArray>>
  readonly items?: ObjectOrArray
  /** Members of one form. */
  readonly patternProperties?: Readonly<Record<string, ObjectOrArray>>
  readonly additionalProperties?: boolean | object
}

function memberAt(schema: ObjectOrArray, path: readonly string[]): ObjectOrArray {
  const [head, ...rest] = path
  if (head === undefined) return schema
  const member = schema.items ?? schema.properties?.[head] ?? Object.values(schema.patternProperties ?? {})[0]
  return member === undefined ? {} : memberAt(member, rest)
}
