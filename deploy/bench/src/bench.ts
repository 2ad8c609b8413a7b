import { address } from '@vouch/proto/kernel/address.ts'
import { choice, integer, path, url } from '@vouch/proto/kernel/setting.ts'
import type { SettingParser } from '@vouch/proto/kernel/setting.ts'
import type { BenchResult } from './result.ts'

export { address, choice, integer, path, url }

/** What a bench gives back. */
export interface Outcome {
  readonly result: BenchResult
  /** Why the command ends with code 1 though there is a result; undefined = it is as it should be. */
  readonly failure: string | undefined
}

/** Is told what is going on. */
export type Progress = (text: string) => void

/** An option of a bench: `--name VALUE`. */
export interface Option<T> {
  readonly describe: string
  readonly parse: SettingParser<T>
  /** Used where it is not given. */
  readonly fallback: T | undefined
}

type Options = Readonly<Record<string, Option<string | number>>>

/** The values of options: undefined only where there is no fallback. */
export type Values<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends {
    readonly parse: SettingParser<infer T>
    readonly fallback: infer F
  }
    ? T | Extract<F, undefined>
    : never
}

/** What a bench is, beside its options. */
interface Definition<V> {
  readonly name: string
  /** What is measured and what its ratio means. */
  readonly help: string
  /** Measures. Throws a FaultError. */
  readonly run: (values: V, progress: Progress) => Promise<Outcome>
}

/** A bench as the command line sees it: its values are those that `options` have parsed. */
export interface Bench extends Definition<Readonly<Record<string, unknown>>> {
  readonly options: Options
}

/** Declares a bench. */
export function defineBench<const O extends Options>(
  options: O,
  { name, help, run }: Definition<Values<O>>,
): Bench {
  return { name, help, options, run: async (values, progress) => run(values as Values<O>, progress) }
}
