import { checkRule } from './check-rule.ts'
import {
  TOP_LEVEL,
  filesAreShort,
  namesAreKebabCase,
  topLevelIsClosed,
  topLevelIsComplete,
  workspacesHaveReadme,
} from './layout.ts'

checkRule('the top level is closed', topLevelIsClosed, {
  broken: [{ 'scripts/x.ts': '' }, { 'NOTES.md': '' }],
  sound: [{ 'deploy/x.ts': '', LICENSE: '', '.gitignore': '', '.ci/run': '' }],
})

checkRule('the top level is complete', topLevelIsComplete, {
  broken: [{ LICENSE: '' }],
  sound: [Object.fromEntries([...TOP_LEVEL].map((entry) => [entry, '']))],
})

checkRule('files are short', filesAreShort, {
  broken: [{ 'a.ts': 'x\n'.repeat(301) }],
  sound: [{ 'a.ts': 'x\n'.repeat(300), 'proto/src/gen/a.ts': 'x\n'.repeat(301) }],
})

checkRule('names are in kebab-case', namesAreKebabCase, {
  broken: [{ 'agent/src/readFile.ts': '' }, { 'a_b.ts': '' }],
  sound: [{ 'agent/src/read-file.test.ts': '', 'vitest.config.ts': '' }],
})

checkRule('workspaces have a README', workspacesHaveReadme, {
  broken: [{ 'deploy/e2e/package.json': '{}' }],
  sound: [{ 'agent/package.json': '{}', 'agent/README.md': '' }],
})
