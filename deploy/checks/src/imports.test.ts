import { expect, test } from 'vitest'
import { checkRule } from './check-rule.ts'
import {
  businessFoldersArePure,
  importsOf,
  kernelStandsAlone,
  relativeImportsStayInside,
  servicesStayApart,
} from './imports.ts'

test('every form of import is seen', () => {
  const text = `
    import a from 'a'
    import { type B, c } from "b"
    import {
      d,
    } from 'd'
    import 'e'
    import type { F } from './f.ts'
    export * from 'g'
    export { h } from 'h'
    const i = await import('i')`
  expect(importsOf(text).map(({ from }) => from)).toEqual(['a', 'b', 'd', 'e', './f.ts', 'g', 'h', 'i'])
})

checkRule('relative imports stay in their workspace', relativeImportsStayInside, {
  broken: [
    { 'agent/src/a.ts': `import { x } from '../../rating/src/x.ts'` },
    { 'deploy/e2e/src/a.ts': `export * from '../../bench/src/x.ts'` },
  ],
  sound: [{ 'agent/src/host/a.ts': `import { x } from '../reading/x.ts'` }],
})

checkRule('services stay apart', servicesStayApart, {
  broken: [
    { 'rating/src/a.ts': `import { x } from '@vouch/collector'` },
    { 'rating/src/a.ts': `const x = await import('@vouch/collector')` },
    { 'rating/src/a.ts': `import {\n  type X,\n} from '@vouch/clickhouse'` },
    { 'proto/src/wire/a.ts': `import '@vouch/agent'` },
  ],
  sound: [
    { 'rating/src/a.ts': `import { x } from '@vouch/proto/kernel/money.ts'` },
    { 'rating/src/a.test.ts': `import { createTestEngine } from '@vouch/clickhouse'` },
    { 'deploy/e2e/src/a.ts': `import { createRating } from '@vouch/rating'` },
  ],
})

checkRule('the kernel stands alone', kernelStandsAlone, {
  broken: [
    { 'proto/src/kernel/a.ts': `import { join } from 'node:path'` },
    { 'proto/src/kernel/a.ts': `import { x } from '../wire/x.ts'` },
    { 'proto/src/kernel/a.ts': 'const now = Date.now()' },
  ],
  sound: [
    { 'proto/src/kernel/a.ts': `import { x } from './x.ts'\n// never Date.now()\n/* nor process.env */` },
  ],
})

checkRule('folders named by a business word are pure', businessFoldersArePure, {
  broken: [
    { 'billing-api/src/ledger/a.ts': `import pg from 'pg'` },
    { 'rating/src/usage/a.ts': `import { readFile } from 'node:fs/promises'` },
    { 'agent/src/reading/a.ts': `import { meter } from '../host/meter.ts'` },
    { 'collector/src/ingest/a.ts': `import { randomUUID } from 'node:crypto'` },
    { 'rating/src/rate/a.ts': `const zone = process.env['TZ']` },
    { 'rating/src/rate/a.ts': 'const now = Temporal.Now.instant()' },
    { 'rating/src/rate/a.ts': `import { serve } from '@vouch/proto/wire/grpc.ts'` },
  ],
  sound: [
    { 'billing-api/src/postgres/a.ts': `import pg from 'pg'\nconst now = Date.now()` },
    { 'billing-api/src/main.ts': `const level = process.env['VOUCH_LOG_LEVEL']` },
    {
      'rating/src/usage/a.ts': `import type { Reader } from '../ports.ts'\nimport { createHash } from 'node:crypto'`,
    },
  ],
})
