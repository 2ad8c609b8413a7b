import { checkRule, type Sample } from './check-rule.ts'
import {
  dependenciesAreExplained,
  installScriptsAreApproved,
  lockfileKnowsEveryPlatform,
  versionsAgree,
  versionsAreExact,
} from './packages.ts'

const withPackage = (fields: object, path = 'package.json'): Sample => ({ [path]: JSON.stringify(fields) })
const lockfile = JSON.stringify({ packages: { 'node_modules/node': { hasInstallScript: true } } })
const table =
  '## Runtime dependencies\n\n| package | for |\n| --- | --- |\n| `pg` | PostgreSQL |\n\n## Next\n| `x` |'

checkRule('versions are exact', versionsAreExact, {
  broken: [
    withPackage({ dependencies: { pg: '^8.0.0' } }),
    withPackage({ devDependencies: { pg: 'latest' } }),
  ],
  sound: [withPackage({ dependencies: { pg: '8.0.0-beta.1' } })],
})

checkRule('versions agree', versionsAgree, {
  broken: [
    {
      ...withPackage({ dependencies: { pg: '8.0.0' } }),
      ...withPackage({ devDependencies: { pg: '8.0.1' } }, 'agent/package.json'),
    },
  ],
  sound: [
    {
      ...withPackage({ dependencies: { pg: '8.0.0' } }),
      ...withPackage({ devDependencies: { pg: '8.0.0' } }, 'agent/package.json'),
    },
  ],
})

checkRule('runtime dependencies are explained', dependenciesAreExplained, {
  broken: [
    { ...withPackage({ dependencies: { pg: '8.0.0', x: '1.0.0' } }), 'ARCHITECTURE.md': table },
    { ...withPackage({ devDependencies: { pg: '8.0.0' } }), 'ARCHITECTURE.md': table },
  ],
  sound: [
    { ...withPackage({ dependencies: { pg: '8.0.0', '@vouch/proto': '0.1.0' } }), 'ARCHITECTURE.md': table },
  ],
})

checkRule('install scripts are approved', installScriptsAreApproved, {
  broken: [
    { ...withPackage({}), 'package-lock.json': lockfile },
    { ...withPackage({ allowScripts: { node: true, pg: true } }), 'package-lock.json': lockfile },
  ],
  sound: [{ ...withPackage({ allowScripts: { node: true } }), 'package-lock.json': lockfile }],
})

checkRule('the lockfile knows every platform', lockfileKnowsEveryPlatform, {
  broken: [
    { 'package-lock.json': '{"packages":{"node_modules/a":{"optionalDependencies":{"a-linux":"1.0.0"}}}}' },
  ],
  sound: [
    {
      'package-lock.json':
        '{"packages":{"node_modules/a":{"optionalDependencies":{"a-linux":"1.0.0"}},"node_modules/a-linux":{}}}',
    },
  ],
})
