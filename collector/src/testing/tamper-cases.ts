import { DAY_MS } from '@vouch/proto/seal/day.ts'
import { generateKeys, sha256 } from '@vouch/proto/seal/seal.ts'
import {
  DAYS,
  FIRST_MS,
  dayName,
  digestOf,
  named,
  remove,
  replace,
  resign,
  sealFor,
  whereDigest,
  whereSegment,
} from './tampering.ts'
import type { Witness } from './tampering.ts'
import type { TestArchive } from './test-archive.ts'

/** A bit of a header: another byte in its place would be the same one now and then. */
const FLIPPED = `concat(substring(header, 1, 40), char(bitXor(reinterpretAsUInt8(substring(header, 41, 1)), 1)), substring(header, 42))`

/** Something done to an archive, and what a check has to say of it. */
interface Case {
  readonly name: string
  readonly tamper: (witness: Witness, vouch: TestArchive) => Promise<void>
  readonly says: (witness: Witness) => readonly string[]
}

/** Every kind of tampering; each with an agent or a day of its own. */
export const CASES: readonly Case[] = [
  {
    name: 'a byte of a header changed',
    tamper: (w, vouch) => replace(vouch, 'batches', whereDigest(w, 1), `${FLIPPED} AS header`),
    says: (w) => [`${named(2, w)}its header has the digest`, `${named(2, w)}.*header, signature or key`],
  },
  {
    name: 'a header changed, and its digest with it',
    tamper: (w, vouch) =>
      replace(
        vouch,
        'batches',
        whereDigest(w, 1),
        `${FLIPPED} AS header, toFixedString(SHA256(${FLIPPED}), 32) AS digest`,
      ),
    says: (w) => [
      `${named(2, w)}.*header, signature or key was changed`,
      `day ${dayName(0)}: batch ${digestOf(w, 1)} is under its root and not stored`,
      `${named(2, w)}was received on ${dayName(0)}, which is closed, and is under no root`,
    ],
  },
  {
    name: 'a byte of a body changed',
    tamper: (w, vouch) => replace(vouch, 'batches', whereDigest(w, 3), `concat(body, 'x') AS body`),
    says: (w) => [`${named(4, w)}its body is not the one`],
  },
  {
    name: 'a signature changed',
    tamper: (w, vouch) =>
      replace(
        vouch,
        'batches',
        whereDigest(w, 0),
        `toFixedString(unhex('${'00'.repeat(64)}'), 64) AS signature`,
      ),
    says: (w) => [`${named(1, w)}.*header, signature or key was changed`],
  },
  {
    name: 'an archived key exchanged',
    tamper: ({ agent }, vouch) =>
      replace(
        vouch,
        'agent_keys',
        `agent = unhex('${agent.agentId.toHex()}')`,
        `toFixedString(unhex('${generateKeys().publicKey.toHex()}'), 32) AS public_key`,
      ),
    says: (w) => [`${named(1, w)}the archived key [0-9a-f]{32} is not`, `${named(1, w)}.*key was changed`],
  },
  {
    name: 'a batch removed',
    tamper: (w, vouch) => remove(vouch, 'batches', whereDigest(w, 2)),
    says: (w) => [
      `${named(4, w)}1 before it is missing, from 3 on`,
      `day ${dayName(1)}: batch ${digestOf(w, 2)} is under its root and not stored`,
      'readings: 3 name batch 3 of run',
    ],
  },
  {
    name: 'the last batch of a run removed',
    tamper: (w, vouch) => remove(vouch, 'batches', whereDigest(w, 3)),
    says: (w) => [`${named(1, w)}continues batch ${digestOf(w, 3)}, which is not stored`],
  },
  {
    name: 'a batch added to a closed day',
    tamper: async (w, vouch) => vouch.store([sealFor(w, FIRST_MS + DAY_MS + 5)], FIRST_MS + DAY_MS + 5),
    says: (w) => [`${named(3, w)}was received on ${dayName(1)}, which is closed, and is under no root`],
  },
  {
    name: 'a second batch in a taken place',
    tamper: async ({ agent }, vouch) => {
      const place = { runId: agent.runId, sequence: 1n, previous: sha256() }
      await vouch.store(
        [agent.seal([{ timeMs: FIRST_MS + 5, register: 1n }], place)],
        FIRST_MS + DAYS * DAY_MS + 5,
      )
    },
    says: (w) => [`${named(1, w)}stands beside another batch with its sequence`],
  },
  {
    name: 'a leaf removed',
    tamper: (w, vouch) => remove(vouch, 'audit_leaves', whereDigest(w, 5)),
    says: (w) => [
      `day ${dayName(2)}: has \\d+ leaves, and \\d+ are signed`,
      `day ${dayName(2)}: its leaves have the root`,
      `day ${dayName(2)}: batch ${digestOf(w, 5)} was under it at the export, and is not any more`,
      `${named(2, w)}was received on ${dayName(2)}, which is closed, and is under no root`,
    ],
  },
  {
    name: 'a leaf added',
    tamper: (_, vouch) =>
      vouch.command(
        `INSERT INTO ${vouch.database}.audit_leaves (day, digest) SELECT toDate('${dayName(3)}'), toFixedString(unhex('${'ab'.repeat(32)}'), 32)`,
      ),
    says: () => [
      `day ${dayName(3)}: has 2 leaves, and 1 are signed`,
      `day ${dayName(3)}: batch ${'ab'.repeat(32)} is under its root and not stored`,
      `day ${dayName(3)}: batch ${'ab'.repeat(32)} was put under it after the export`,
    ],
  },
  {
    name: 'the column of a root changed',
    tamper: (_, vouch) =>
      replace(
        vouch,
        'audit_days',
        `day = '${dayName(4)}'`,
        `toFixedString(unhex('${'ab'.repeat(32)}'), 32) AS root`,
      ),
    says: () => [`day ${dayName(4)}: its columns do not say what its signed message says`],
  },
  {
    name: 'the signed message of a root changed',
    tamper: (_, vouch) =>
      replace(vouch, 'audit_days', `day = '${dayName(5)}'`, `concat(message, 'x') AS message`),
    says: () => [
      `day ${dayName(5)}: .*root, signature or key was changed`,
      `day ${dayName(5)}: was exported with another root`,
    ],
  },
  {
    name: 'a day signed again by another key',
    tamper: (_, vouch) => resign(vouch, 6),
    says: () => [
      `day ${dayName(6)}: is signed by key [0-9a-f]{32}, which is none`,
      `day ${dayName(6)}: was exported with another signature`,
    ],
  },
  {
    name: 'two days exchanged',
    tamper: (_, vouch) =>
      replace(
        vouch,
        'audit_days',
        `day IN ('${dayName(7)}', '${dayName(8)}')`,
        `toDate('${dayName(8)}') - (day - toDate('${dayName(7)}')) AS day`,
      ),
    says: () => [
      `day ${dayName(7)}: its signed message says day ${dayName(8)}`,
      `day ${dayName(8)}: its signed message says day ${dayName(7)}`,
    ],
  },
  {
    name: 'a day removed',
    tamper: (_, vouch) => remove(vouch, 'audit_days', `day = '${dayName(0)}'`),
    says: () => [
      `day ${dayName(1)}: names a day before it, and is the first one stored`,
      `day ${dayName(0)}: has \\d+ leaves, and no root any more`,
      `day ${dayName(0)}: is in the export, and not stored any more`,
    ],
  },
  {
    name: 'a register changed in readings',
    tamper: (w, vouch) =>
      replace(
        vouch,
        'segments',
        whereSegment(w, 2),
        '[registers[1], registers[2] + 5, registers[3]] AS registers',
      ),
    says: (w) => [
      `${named(3, w)}its readings in row 1 are not stored as signed`,
      `${named(3, w)}the stored readings of row 1 are not in its body`,
    ],
  },
  {
    name: 'a span changed in readings',
    tamper: (w, vouch) =>
      replace(vouch, 'segments', whereSegment(w, 2), '[spans[1], spans[2], spans[3] + 1] AS spans'),
    says: (w) => [`${named(3, w)}the stored readings of row 2 are not in its body`],
  },
  {
    name: 'a reading removed',
    tamper: (w, vouch) =>
      replace(
        vouch,
        'segments',
        whereSegment(w, 2),
        `${'times, registers, spans'
          .split(', ')
          .map((name) => `arrayPopFront(${name}) AS ${name}`)
          .join(', ')}, toUInt32(1) AS first_row`,
      ),
    says: (w) => [`${named(3, w)}its readings in row 0 are not stored`],
  },
  {
    name: 'a reading stored once more, in a segment of its own',
    tamper: (w, vouch) =>
      vouch.command(
        `INSERT INTO ${vouch.database}.segments SELECT * REPLACE ([times[-1]] AS times, [registers[-1]] AS registers, [spans[-1]] AS spans, times[-1] AS first_time, toUInt32(2) AS first_row)
         FROM ${vouch.database}.segments WHERE ${whereSegment(w, 2)} SETTINGS insert_deduplicate = 0`,
      ),
    says: (w) => [`${named(3, w)}the stored readings of row 2 are not in its body`],
  },
  {
    name: 'all readings of a batch removed',
    tamper: (w, vouch) => remove(vouch, 'segments', whereSegment(w, 2)),
    says: (w) => [`${named(3, w)}none of its 3 readings is stored`],
  },
]
