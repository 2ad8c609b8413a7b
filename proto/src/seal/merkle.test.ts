import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  MerkleHasher,
  PathCollector,
  inclusionHolds,
  inclusionPath,
  merkleRoot,
  siblingRanges,
} from './merkle.ts'
import { sha256 } from './seal.ts'

const bytes = (hex: string): Uint8Array => Uint8Array.fromHex(hex)
const concat = (...parts: Uint8Array[]): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.concat(parts))

/** The published definition, word for word: MTH of RFC 9162, 2.1.1. */
function definition(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return sha256(concat(Uint8Array.of(0), leaves[0]!))
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1))
  return sha256(concat(Uint8Array.of(1), definition(leaves.slice(0, k)), definition(leaves.slice(k))))
}

// The test vectors of the reference implementation of RFC 6962 (certificate-transparency, merkletree).
const INPUTS = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map(bytes)
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const PATHS: [index: number, size: number, path: string[]][] = [
  [0, 1, []],
  [
    0,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    5,
    8,
    [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
  [
    1,
    5,
    [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
]

const leavesArbitrary = fc.array(fc.uint8Array({ maxLength: 33 }), { minLength: 1, maxLength: 40 })

describe('law: a root stands for its leaves', () => {
  it('is the one of the definition, however the leaves come', () => {
    fc.assert(
      fc.property(leavesArbitrary, (leaves) => {
        expect(merkleRoot(leaves)).toEqual(definition(leaves))
        const hasher = new MerkleHasher()
        for (const [index, leaf] of leaves.entries()) {
          hasher.add(leaf)
          expect(hasher.root()).toEqual(definition(leaves.slice(0, index + 1)))
        }
        expect(hasher.size).toBe(leaves.length)
      }),
      { numRuns: 50 },
    )
  })

  it('changes with every leaf changed, added, removed or moved', () => {
    fc.assert(
      fc.property(leavesArbitrary, fc.nat(), (leaves, pick) => {
        const at = pick % leaves.length
        const root = merkleRoot(leaves)
        const changed = concat(leaves[at]!, Uint8Array.of(0))
        expect(merkleRoot(leaves.with(at, changed))).not.toEqual(root)
        expect(merkleRoot(leaves.toSpliced(at, 1))).not.toEqual(root)
        expect(merkleRoot(leaves.toSpliced(at, 0, changed))).not.toEqual(root)
      }),
    )
  })
})

describe('law: a path shows one leaf at one place under one root', () => {
  it('holds for every leaf, and for no other leaf, place, size, path or root', () => {
    fc.assert(
      fc.property(leavesArbitrary, fc.nat(), fc.nat(), (leaves, pick, bend) => {
        const [index, size] = [pick % leaves.length, leaves.length]
        const leaf = leaves[index]!
        const [path, root] = [inclusionPath(leaves, index), merkleRoot(leaves)]
        expect(inclusionHolds(leaf, { index, size }, path, root)).toBe(true)
        expect(inclusionHolds(concat(leaf, Uint8Array.of(1)), { index, size }, path, root)).toBe(false)
        expect(inclusionHolds(leaf, { index, size }, [...path, root], root)).toBe(false)
        expect(inclusionHolds(leaf, { index, size }, path, sha256(root))).toBe(false)
        if (path.length > 0) {
          const bent = path.with(bend % path.length, sha256(path[bend % path.length]!))
          expect(inclusionHolds(leaf, { index, size }, bent, root)).toBe(false)
          expect(inclusionHolds(leaf, { index, size }, path.slice(1), root)).toBe(false)
        }
      }),
    )
  })

  it.each([
    [-1, 3],
    [3, 3],
    [0.5, 3],
    [0, 0],
    [0, Number.POSITIVE_INFINITY],
  ])('there is no leaf %d of %d', (index, size) => {
    expect(() => siblingRanges(index, size)).toThrow(RangeError)
    expect(inclusionHolds(bytes(''), { index, size }, [], merkleRoot([bytes('')]))).toBe(false)
  })
})

it('law: paths collected in one pass are those of the definition', () => {
  fc.assert(
    fc.property(leavesArbitrary, fc.array(fc.nat(), { maxLength: 5 }), (leaves, picks) => {
      const indexes = picks.map((pick) => pick % leaves.length)
      const collector = new PathCollector(leaves.length, indexes)
      for (const leaf of leaves) collector.add(leaf)
      for (const index of indexes) expect(collector.path(index)).toEqual(inclusionPath(leaves, index))
    }),
  )
  expect(() => new PathCollector(2, [2])).toThrow(RangeError)
  expect(() => new PathCollector(2, [0]).path(0)).toThrow('not complete')
})

describe('the published vectors', () => {
  it.each(ROOTS.map((root, size) => [size, root] as const))('root of %d leaves', (size, root) => {
    expect(merkleRoot(INPUTS.slice(0, size)).toHex()).toBe(root)
  })

  it.each(PATHS)('path of leaf %d of %d', (index, size, path) => {
    const leaves = INPUTS.slice(0, size)
    expect(inclusionPath(leaves, index).map((hash) => hash.toHex())).toEqual(path)
    expect(inclusionHolds(leaves[index]!, { index, size }, path.map(bytes), bytes(ROOTS[size]!))).toBe(true)
  })
})
