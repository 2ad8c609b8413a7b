import { describe, expect, test } from 'vitest'
import { helpText, readArguments } from './arguments.ts'

describe('arguments', () => {
  test.each([
    [[], 'FIELD_MISSING', /name a bench: ingest/],
    [['snmp'], 'FIELD_UNKNOWN', /snmp is not a bench; there is: ingest/],
    [['ingest', 'ingest'], 'FIELD_UNKNOWN', /ingest ingest is not a bench/],
    [['ingest', '--jsn'], 'FIELD_UNKNOWN', /--jsn/],
    [['ingest', '--readings', '0'], 'FIELD_INVALID', /not 0$/],
    [['ingest', '--readings', '1e6'], 'FIELD_INVALID', /not 1e6$/],
    [['ingest', '--readings', '100000001'], 'FIELD_INVALID', /1 to 100000000/],
  ])('%j is refused', (args, code, message) => {
    const result = readArguments(args)
    if (result.ok) throw new Error('was accepted')
    expect(result.fault.code).toBe(code)
    expect(result.fault.message).toMatch(message)
  })

  test.each([
    [['--help'], { name: 'help' }],
    [['ingest', '-h'], { name: 'help' }],
    [['ingest'], { name: 'ingest', json: false, readings: 2_400_000 }],
    [['--json', 'ingest', '--readings', '5000'], { name: 'ingest', json: true, readings: 5000 }],
  ])('%j', (args, value) => {
    expect(readArguments(args)).toEqual({ ok: true, value })
  })

  test('the help says what the ratio means', () => {
    expect(helpText()).toMatch(/ratio = /)
  })
})
