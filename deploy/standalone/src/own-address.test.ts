import { expect, it } from 'vitest'
import { ownAddress } from './own-address.ts'

it.each([
  ['127.0.0.1:7410', 'localhost:7410'],
  ['0.0.0.0:7410', 'localhost:7410'],
  ['[::]:7410', 'localhost:7410'],
  ['[::1]:1', 'localhost:1'],
  ['198.51.100.7:7410', '198.51.100.7:7410'],
  ['[2001:db8::7]:7410', '[2001:db8::7]:7410'],
  ['vouch.example.net:7410', 'vouch.example.net:7410'],
])('what listens at %s is reached from its own machine at %s', (listen, own) => {
  expect(ownAddress(listen)).toBe(own)
})
