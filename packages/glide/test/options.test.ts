import { InvalidOptionError } from '@cache/core'
import { expect, it } from 'vitest'
import { glideDriver } from '../src/index.js'

const addresses = [{ host: '127.0.0.1', port: 1 }]

it.each([
  ['addresses', {}],
  ['addresses', { addresses: [] }],
  ['readFrom', { addresses, readFrom: 'preferReplica' }],
  ['readOnly', { addresses, readOnly: true }],
  ['clientSideCache', { addresses, clientSideCache: {} }],
  ['compression', { addresses, compression: { enabled: true } }],
  ['pubsubSubscriptions', { addresses, pubsubSubscriptions: { channelsAndPatterns: {} } }],
])('refuses a configuration with a wrong %s', (option, configuration) => {
  const make = () => glideDriver(configuration as never)
  expect(make).toThrow(InvalidOptionError)
  expect(make).toThrow(`configuration.${option}`)
})

it('refuses other options', () => {
  expect(() => glideDriver({ addresses }, { timeout: -1 })).toThrow(/timeout/)
  expect(() => glideDriver({ addresses }, { topology: 'ring' as never })).toThrow(/topology/)
})

it('a driver that never connects can be closed', async () => {
  for (const topology of ['standalone', 'cluster'] as const) {
    const driver = glideDriver({ addresses }, { topology })
    const pending = driver.send([{ args: ['GET', 'k'], keys: ['k'] }])[0]
    await driver.close()
    expect(await pending).toMatchObject({ code: 'CLOSED' })
  }
})
