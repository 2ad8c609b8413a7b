import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sizeDelimitedDecodeStream } from '@bufbuild/protobuf/wire'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { AgentFrameSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { openBatch } from '@vouch/proto/seal/batch.ts'
import { parseCommand } from './cli.ts'
import { readAgentConfig } from './config.ts'
import { openIdentity } from './host/identity.ts'
import { MeteringRun } from './metering-run.ts'
import { spoolExport, spoolStatus, spoolVerify } from './spool-commands.ts'
import { openSpool } from './spool/spool.ts'
import { World } from './testing/world.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
let directory = ''
const path = (): string => join(directory, 'spool.sqlite')
const config = () => unwrap(readAgentConfig({ VOUCH_AGENT_STATE_DIR: directory }))
const signer = () => unwrap(unwrap(openIdentity(directory)).signer())
const limits = { bytesMax: 1e6, ageMaxMs: 1e9 }

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vouch-spool-'))
  const world = new World()
  const spool = unwrap(openSpool(path(), limits, world.wallMs()))
  const key = signer()
  const options = { agentId: new Uint8Array(16), agentVersion: '1', spool, clock: world, sources: [world] }
  for (let count = 0; count < 2; count += 1) {
    const run = new MeteringRun({ ...options, logger: silent, signer: () => key }, 1000)
    for (let batch = 0; batch < 3; batch += 1) {
      await run.look()
      world.pass(1000, 5n)
      await run.look()
      unwrap(run.seal())
    }
  }
  spool.close()
})
afterEach(() => rmSync(directory, { recursive: true }))

function tampered(sql: string): void {
  const db = new DatabaseSync(path())
  db.exec(sql)
  db.close()
}

it('status tells what waits', () => {
  const { text } = unwrap(spoolStatus(config(), 1_800_000_100_000))
  expect(text).toMatch(/^batches {4}6\noctets {5}\d+ of 268435456\noldest {5}2027-/)
})

it('verify finds a whole spool well, and changes nothing', () => {
  const before = readFileSync(path())
  expect(unwrap(spoolVerify(config()))).toEqual({ text: '6 batches, 0 findings\n', isWell: true })
  expect(readFileSync(path()).equals(before)).toBe(true)
})

it.each([
  ['UPDATE batches SET signed = zeroblob(9) WHERE id = 2', 'not what was written'],
  ['DELETE FROM batches WHERE id = 2', 'the batches between are missing'],
  ['DELETE FROM batches WHERE id = 4', 'does not name the digest'],
  ['DELETE FROM batches WHERE id = 6', 'not the one that the spool kept last'],
  ['UPDATE registers SET content = zeroblob(length(content))', 'pages of registers'],
  ['UPDATE streams SET definition = zeroblob(2)', 'definitions'],
])('verify finds out after %s', (sql, finding) => {
  tampered(sql)
  const { text, isWell } = unwrap(spoolVerify(config()))
  expect(text).toContain(finding)
  expect(isWell).toBe(false)
})

it('what has left with a receipt is no finding; another key is told, not hidden', () => {
  tampered('DELETE FROM batches WHERE id < 3')
  expect(unwrap(spoolVerify(config())).isWell).toBe(true)
  writeFileSync(join(directory, 'agent.key'), new Uint8Array(32).fill(7))
  expect(unwrap(spoolVerify(config())).text).toContain('not checked: batch 3')
})

it('an export has the definitions and every batch as it was signed, and takes nothing out', async () => {
  const file = join(directory, 'export')
  unwrap(spoolExport(config(), file))
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const kinds: string[] = []
  const bytes = (async function* () {
    yield readFileSync(file)
  })()
  for await (const { kind } of sizeDelimitedDecodeStream(AgentFrameSchema, bytes)) {
    kinds.push(kind.case ?? '')
    if (kind.case === 'batch') unwrap(openBatch(kind.value, signer().publicKey))
  }
  expect(kinds).toEqual(['definitions', 'definitions', ...Array.from({ length: 6 }, () => 'batch')])
  expect(unwrap(spoolStatus(config(), 0)).text).toContain('batches    6\n')
  expect(spoolExport(config(), file)).toMatchObject({ fault: { code: 'FIELD_INVALID' } })
})

it('while an agent runs they say so', () => {
  const spool = unwrap(openSpool(path(), limits, 1_800_000_100_000))
  const refused = spoolStatus(config(), 0)
  spool.close()
  expect(refused).toMatchObject({ fault: { code: 'DATA_DIRECTORY_LOCKED' } })
})

it('they read what a crash left beside the file, too, and say where there is no spool', () => {
  const spool = unwrap(openSpool(path(), limits, 1_800_000_100_000))
  unwrap(spool.setMeta('mark', new Uint8Array(1)))
  const crashed = mkdtempSync(join(tmpdir(), 'vouch-spool-'))
  for (const name of ['spool.sqlite', 'spool.sqlite-wal', 'agent.key'])
    copyFileSync(join(directory, name), join(crashed, name))
  spool.close()
  const at = unwrap(readAgentConfig({ VOUCH_AGENT_STATE_DIR: crashed }))
  expect(unwrap(spoolVerify(at))).toEqual({ text: '6 batches, 0 findings\n', isWell: true })
  rmSync(crashed, { recursive: true })
  expect(spoolStatus(at, 0)).toMatchObject({ fault: { code: 'CONFIG_INVALID' } })
})

it.each([
  [['spool', 'status'], { ok: true, value: { spool: 'status' } }],
  [['spool', 'export', 'x'], { ok: true, value: { spool: 'export', file: 'x' } }],
  [['spool', 'export'], { ok: false }],
  [['spool'], { ok: false }],
])('%j on the command line', (args, parsed) => {
  expect(parseCommand(args)).toMatchObject(parsed)
})
