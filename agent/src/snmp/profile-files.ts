import { readFileSync } from 'node:fs'
import { getAsset, isSea } from 'node:sea'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { nearest } from '@vouch/proto/kernel/nearest.ts'
import { parseDocument } from 'yaml'
import { readProfile } from './profile.ts'
import type { Profile } from './profile.ts'

/** Profiles that come with the agent: files of that name under `profiles`, or assets of the single executable. */
export const BUILT_IN = ['apc-rpdu2', 'host-resources', 'netapp', 'storage', 'ups'] as const

/** The text of a profile that comes with the agent. */
export function builtInText(name: (typeof BUILT_IN)[number]): string {
  if (isSea()) return getAsset(`profiles/${name}.yaml`, 'utf8')
  return readFileSync(new URL(`../../profiles/${name}.yaml`, import.meta.url), 'utf8')
}

/** Reads YAML. Faults: CONFIG_INVALID. */
export function readYaml(file: string, text: string): Result<JsonValue> {
  const document = parseDocument(text, { uniqueKeys: true })
  const [error] = document.errors
  if (error !== undefined) return fail('CONFIG_INVALID', `${file}: ${error.message}`)
  return ok(document.toJS() as JsonValue)
}

/** Finds profiles by name: the operator's own and those that come with the agent. */
export class ProfileShelf {
  readonly #own = new Map<string, Profile>()
  readonly #builtIn = new Map<string, Profile>()
  readonly #faults: Fault[]
  /** Whether every file could be read: what one that could not be is named is unknown. */
  #isWhole = true

  constructor(faults: Fault[]) {
    this.#faults = faults
  }

  /** Takes a file of the operator's; what is wrong with it becomes a fault that names the place in it. */
  add(file: string, text: Result<string>, pointer: string): void {
    const content = text.ok ? readYaml(file, text.value) : text
    if (!content.ok) {
      this.#faults.push({ ...content.fault, pointer })
      this.#isWhole = false
      return
    }
    const profile = readProfile(content.value, file, this.#faults)
    this.#isWhole &&= profile !== undefined
    if (profile === undefined) return
    const isTaken = this.#own.has(profile.name) || BUILT_IN.some((name) => name === profile.name)
    if (isTaken) this.#refuse('CONFIG_INVALID', `another profile is named ${profile.name}`, `${file}/profile`)
    else this.#own.set(profile.name, profile)
  }

  /** The profiles of these names. */
  take(names: readonly string[], pointer: string): Profile[] {
    return names.flatMap((name, index) => this.#find(name) ?? this.#unknown(name, `${pointer}/${index}`))
  }

  /** One meter has one unit and one kind, whatever profile reads it. */
  checkMeters(): void {
    const known = new Map<string, string>()
    const tables = [...this.#builtIn.values(), ...this.#own.values()].flatMap((each) => each.tables)
    for (const { kind, meter, unit } of tables.flatMap(({ meters }) => meters)) {
      const other = known.get(meter) ?? `${unit} ${kind}`
      known.set(meter, other)
      if (other !== `${unit} ${kind}`)
        this.#refuse(
          'UNIT_MISMATCH',
          `${meter} is ${other} for one profile and ${unit} ${kind} for another`,
          '/profiles',
        )
    }
  }

  #find(name: string): Profile | undefined {
    const builtIn = BUILT_IN.find((each) => each === name)
    if (builtIn === undefined) return this.#own.get(name)
    const read = this.#builtIn.get(name) ?? this.#read(builtIn)
    this.#builtIn.set(name, read)
    return read
  }

  #read(name: (typeof BUILT_IN)[number]): Profile {
    const faults: Fault[] = []
    const content = readYaml(name, builtInText(name))
    const profile = content.ok ? readProfile(content.value, name, faults) : undefined
    if (profile === undefined) throw new Error(`the profile ${name} that comes with the agent is broken`)
    return profile
  }

  #unknown(name: string, pointer: string): [] {
    if (!this.#isWhole) return []
    const known = [...BUILT_IN, ...this.#own.keys()]
    const suggestion = nearest(name, known)
    const hint = suggestion === undefined ? `known are ${known.join(', ')}` : `did you mean ${suggestion}?`
    this.#refuse('CONFIG_INVALID', `there is no profile ${name}; ${hint}`, pointer)
    return []
  }

  #refuse(code: Fault['code'], message: string, pointer: string): void {
    this.#faults.push(fail(code, message, { pointer }).fault)
  }
}
