import { describe, expect, test } from 'vitest'
import { helpText, readArguments } from './arguments.ts'
import { BENCHES } from './benches.ts'

const read = (args: readonly string[]): ReturnType<typeof readArguments> => readArguments(args, BENCHES)

describe('arguments', () => {
  test.each([
    [[], 'FIELD_MISSING', /name a bench: ingest, /],
    [['smnp'], 'FIELD_UNKNOWN', /smnp is not a bench; there is: ingest, /],
    [['ingest', 'ingest'], 'FIELD_UNKNOWN', /ingest ingest is not a bench/],
    [['ingest', '--jsn'], 'FIELD_UNKNOWN', /--jsn/],
    [['ingest', '--seed', '1'], 'FIELD_UNKNOWN', /ingest takes no --seed/],
    [['ingest', '--readings', '0'], 'FIELD_INVALID', /--readings must be .*, not 0$/],
    [['ingest', '--readings', '1e6'], 'FIELD_INVALID', /not 1e6$/],
    [['ingest', '--readings', '100000001'], 'FIELD_INVALID', /1 to 100000000/],
    [['load', '--collector', 'nowhere'], 'FIELD_INVALID', /--collector must be host:port/],
    [['load', '--tls', 'maybe'], 'FIELD_INVALID', /--tls must be one of on, off/],
  ])('%j is refused', (args, code, message) => {
    const result = read(args)
    if (result.ok) throw new Error('was accepted')
    expect(result.fault.code).toBe(code)
    expect(result.fault.message).toMatch(message)
  })

  test.each([
    [['--help'], { name: 'help' }],
    [['ingest', '-h'], { name: 'help' }],
    [['ingest'], { name: 'run', json: false, values: { readings: 2_400_000, rounds: 3 } }],
    [
      ['--json', 'ingest', '--readings', '5000', '--rounds', '1'],
      { name: 'run', json: true, values: { readings: 5000, rounds: 1 } },
    ],
  ])('%j', (args, value) => {
    expect(read(args)).toMatchObject({ ok: true, value })
  })

  test('the help says what every ratio means, and every option', () => {
    const help = helpText(BENCHES)
    for (const { name, help: text, options } of BENCHES) {
      expect(help).toContain(`\n${name}\n`)
      expect(text).toMatch(/ratio = /)
      for (const option of Object.keys(options)) expect(help).toContain(`--${option} X`)
    }
  })
})
