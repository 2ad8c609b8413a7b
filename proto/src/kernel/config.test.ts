import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'

import {
  boolean,
  choice,
  defineConfig,
  describeConfig,
  integer,
  path,
  readConfig,
  text,
  url,
} from './config.ts'
import { fail, unwrap } from './fault.ts'
import type { Fault, Result } from './fault.ts'
import { editDistance, nearest } from './nearest.ts'

const spec = defineConfig({
  listenPort: {
    env: 'VOUCH_TEST_LISTEN_PORT',
    describe: 'port to listen on',
    parse: integer({ min: 1, max: 65_535 }),
    fallback: 8080,
  },
  databaseUrl: {
    env: 'VOUCH_TEST_DATABASE_URL',
    describe: 'PostgreSQL to use',
    parse: url(['postgres', 'postgresql']),
    fallback: undefined,
    secret: true,
  },
  dataDirectory: { env: 'VOUCH_TEST_DATA_DIRECTORY', describe: 'where data is kept', parse: path },
  logLevel: {
    env: 'VOUCH_TEST_LOG_LEVEL',
    describe: 'least level logged',
    parse: choice(['debug', 'info', 'error']),
    fallback: 'info',
  },
})

function faultsOf(result: Result<unknown>): readonly Fault[] {
  if (result.ok) return []
  return result.fault.causes ?? [result.fault]
}

describe('reading', () => {
  it('prefers the environment to the file and the file to the default', () => {
    const env = { VOUCH_TEST_LISTEN_PORT: '1', VOUCH_TEST_LOG_LEVEL: '', HOME: '/root' }
    const config = unwrap(readConfig(spec, env, { listenPort: 2, logLevel: 'debug', dataDirectory: '/data' }))
    expect(config).toEqual({
      listenPort: 1,
      databaseUrl: undefined,
      dataDirectory: '/data',
      logLevel: 'debug',
    })
    expectTypeOf(config.listenPort).toEqualTypeOf<number>()
    expectTypeOf(config.databaseUrl).toEqualTypeOf<string | undefined>()
    expectTypeOf(config.logLevel).toEqualTypeOf<'debug' | 'info' | 'error'>()
  })

  it('reports every fault at once, each with where it is', () => {
    const env = { VOUCH_TEST_LISTEN_PORT: '70000', VOUCH_TEST_LOGLEVEL: 'info', VOUCH_OTHER: '1' }
    const faults = faultsOf(readConfig(spec, env, { logLevel: 'loud', dataDir: 1, databaseUrl: [] }))
    expect(faults.map(({ code, pointer }) => [code, pointer])).toEqual([
      ['CONFIG_UNKNOWN_KEY', 'VOUCH_TEST_LOGLEVEL'],
      ['CONFIG_UNKNOWN_KEY', 'VOUCH_OTHER'],
      ['CONFIG_UNKNOWN_KEY', '/dataDir'],
      ['CONFIG_INVALID', 'VOUCH_TEST_LISTEN_PORT'],
      ['CONFIG_INVALID', '/databaseUrl'],
      ['CONFIG_MISSING', 'VOUCH_TEST_DATA_DIRECTORY'],
      ['CONFIG_INVALID', '/logLevel'],
    ])
    expect(faults[0]?.message).toContain('VOUCH_TEST_LOG_LEVEL')
    expect(faults[1]?.message).toContain('remove it')
    expect(faults[3]?.message).toBe('VOUCH_TEST_LISTEN_PORT must be a whole number from 1 to 65535')
  })

  it("leaves other programs' variables and the name of the file alone", () => {
    const env = { VOUCH_TEST_DATA_DIRECTORY: 'd', VOUCH_CONFIG_FILE: 'f', VOUCH_RATING_LISTEN: 'x' }
    expect(faultsOf(readConfig(spec, env)).map(({ pointer }) => pointer)).toEqual(['VOUCH_RATING_LISTEN'])
    expect(readConfig(spec, env, {}, ['VOUCH_RATING_']).ok).toBe(true)
  })

  it('never shows a secret', () => {
    const echo = {
      env: 'VOUCH_KEY',
      describe: 'key',
      secret: true,
      parse: (value: string) => fail('CONFIG_INVALID', value),
    }
    const result = readConfig(defineConfig({ key: echo }), { VOUCH_KEY: 'hunter2' })
    expect(faultsOf(result)).toMatchObject([{ code: 'CONFIG_INVALID', message: 'VOUCH_KEY is not valid' }])
    expect(JSON.stringify(result)).not.toContain('hunter2')
  })

  it.each([[null], [[]], ['text'], [1]])('refuses the file %j', (file) => {
    expect(readConfig(spec, {}, file)).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } })
  })

  it('does not take an inherited name for a setting', () => {
    const file = { dataDirectory: 'd', toString: 'x' }
    expect(faultsOf(readConfig(spec, {}, file))).toMatchObject([
      { code: 'CONFIG_UNKNOWN_KEY', pointer: '/toString' },
    ])
  })

  it('throws when a name breaks the convention or is used twice', () => {
    const setting = { env: 'VOUCH_A', describe: '', parse: path }
    expect(() => defineConfig({ a: setting, b: setting })).toThrow(TypeError)
    expect(() => defineConfig({ a: { ...setting, env: 'PORT' } })).toThrow(TypeError)
  })
})

it('describes every setting', () => {
  const help = describeConfig(spec)
  expect(help.split('\n')).toEqual([
    '  VOUCH_TEST_LISTEN_PORT     port to listen on (default 8080)',
    '  VOUCH_TEST_DATABASE_URL    PostgreSQL to use (optional)',
    '  VOUCH_TEST_DATA_DIRECTORY  where data is kept (required)',
    '  VOUCH_TEST_LOG_LEVEL       least level logged (default info)',
    '',
  ])
})

it('an integer reads exactly within its bounds', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.maxSafeInteger(), fc.maxSafeInteger(), (value, a, b) => {
      const [min, max] = [Math.min(a, b), Math.max(a, b)]
      expect(integer({ min, max })(`${value}`).ok).toBe(min <= value && value <= max)
    }),
  )
})

it.each([
  [
    'integer',
    integer({ min: 0, max: 10 }),
    ['0', '10'],
    ['', '-1', '11', '1.0', '1e1', '01', '+1', ' 1', '0x1', '9'.repeat(30)],
  ],
  ['text', text({ max: 3, pattern: /^[a-z]+$/ }), ['a', 'abc'], ['', 'abcd', 'A']],
  ['choice', choice(['a', 'b']), ['a', 'b'], ['', 'A', 'c', 'a,b']],
  [
    'url',
    url(['http', 'https']),
    ['http://a:1', 'https://a/b'],
    ['', 'a', 'ftp://a', '//a', 'http:', 'javascript:x'],
  ],
  ['boolean', boolean, ['true', 'false'], ['', 'yes', '1', 'TRUE']],
  ['path', path, ['/a', 'b', '.'], ['', 'a\0b', 'x'.repeat(5000)]],
] as const)('%s accepts and refuses', (_name, parse, good, bad) => {
  for (const value of good) expect(parse(value)).toMatchObject({ ok: true })
  for (const value of bad)
    expect(parse(value)).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } })
})

describe('nearest name', () => {
  const words = fc.string({ maxLength: 12 })

  it('edit distance is a metric', () => {
    fc.assert(
      fc.property(words, words, words, (a, b, c) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a))
        expect(editDistance(a, b) === 0).toBe(a === b)
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c))
      }),
    )
  })

  it('no known name is nearer than the one named', () => {
    fc.assert(
      fc.property(words, fc.array(words, { maxLength: 8 }), (word, known) => {
        const best = nearest(word, known)
        if (best === undefined) return
        const distances = known.map((candidate) => editDistance(word, candidate))
        expect(editDistance(word, best)).toBe(Math.min(...distances))
      }),
    )
  })

  it.each([
    ['VOUCH_DATABSE_URL', 'VOUCH_DATABASE_URL'],
    ['VOUCH_DATABASE_URL', 'VOUCH_DATABASE_URL'],
    ['SOMETHING_ELSE', undefined],
    ['', undefined],
  ])('%j is nearest to %j', (word, expected) => {
    expect(nearest(word, ['VOUCH_LISTEN_PORT', 'VOUCH_DATABASE_URL'])).toBe(expected)
  })

  it.each([
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
    ['flaw', 'lawn', 2],
  ])('from %j to %j it takes %i changes', (a, b, expected) => {
    expect(editDistance(a, b)).toBe(expected)
  })
})
