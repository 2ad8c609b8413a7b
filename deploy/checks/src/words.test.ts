import { checkRule } from './check-rule.ts'
import {
  arithmeticIsExact,
  exportsAreDocumented,
  linksLeadSomewhere,
  nothingIsLeftUnfinished,
  testsAllRun,
  typesAreKept,
} from './words.ts'

checkRule('nothing is left unfinished', nothingIsLeftUnfinished, {
  broken: [
    { 'agent/a.ts': '// TODO later' },
    { 'README.md': 'Not yet implemented.' },
    { 'rating/a.sql': '-- see /home/someone/notes' },
    { '.ci/run': ['# as issue', '#12 asks'].join(' ') },
  ],
  sound: [{ 'agent/a.ts': '// an issued invoice; a checkout below /root; /proc/stat' }],
})

checkRule('types are kept', typesAreKept, {
  broken: [
    { 'agent/a.ts': 'const x = y as any' },
    { 'agent/a.ts': 'function f(x: any) {}' },
    { 'agent/a.ts': 'let x: any = 1' },
    { 'agent/a.ts': '// @ts-ignore' },
    { 'agent/a.ts': '// oxlint-disable-next-line no-console' },
  ],
  sound: [
    {
      'agent/a.ts':
        '// additive: any split\n// oxlint-disable-next-line no-console -- the program speaks here',
    },
  ],
})

checkRule('tests all run', testsAllRun, {
  broken: [{ 'a.test.ts': `test.skip('x')` }, { 'a.test.ts': `describe.only('x')` }],
  sound: [{ 'a.test.ts': `test.skipIf(absent)('x')` }],
})

checkRule('arithmetic is exact', arithmeticIsExact, {
  broken: [
    { 'rating/src/tariff/a.ts': 'Math.round(price * quantity)' },
    { 'billing-api/src/invoice/a.ts': 'total.toFixed(2)' },
    { 'proto/src/kernel/money.ts': 'parseFloat(text)' },
    { 'rating/src/usage/a.ts': 'Number(register)' },
  ],
  sound: [
    { 'rating/src/clickhouse/a.ts': 'Number(row.count)', 'rating/src/usage/a.ts': 'Number(opening.atMs)' },
  ],
})

checkRule('exports are documented', exportsAreDocumented, {
  broken: [{ 'a.ts': 'export function f() {}' }, { 'a.ts': '// Names x.\nexport const x = 1' }],
  sound: [
    { 'a.ts': '/** Does f. */\nexport async function f() {}', 'b.ts': `export type { X } from './x.ts'` },
  ],
})

checkRule('links lead somewhere', linksLeadSomewhere, {
  broken: [{ 'README.md': '[x](agent/README.md)' }],
  sound: [
    {
      'README.md': '[x](agent/a.md) [y](https://example.org) [z](#here)',
      'agent/a.md': '[up](../README.md#there) [folder](../agent)',
    },
  ],
})
