import assert from 'node:assert/strict'
import { createKeyvStore } from '@cache/keyv'
import { Keyv } from 'keyv'
import { eventually } from '../eventually.js'
import type { Case } from '../stage.js'

export const keyv = {
  'keyv: keeps values of all kinds and their ttl, and clears one namespace': async (stage) => {
    const open = (namespace: string): Keyv =>
      new Keyv({ store: createKeyvStore({ client: stage.client(), prefix: 'keyv' }), namespace })
    const [mine, yours, others] = [open('users'), open('users'), open('orders')]
    await mine.set('text', 'chair')
    await mine.set('object', { id: 1, tags: ['a'] })
    await mine.set('bytes', Buffer.from([0, 255]))
    await mine.set('short', 'gone soon', 100)
    await others.set('text', 'table')
    assert.deepEqual(await yours.get(['text', 'object']), ['chair', { id: 1, tags: ['a'] }])
    assert.deepEqual(await yours.get('bytes'), Buffer.from([0, 255]))
    await eventually(async () => (await yours.get('short')) === undefined)
    assert.equal(await yours.delete('object'), true)
    assert.equal(await mine.has('object'), false)
    await yours.clear()
    assert.equal(await mine.get('text'), undefined)
    assert.equal(await others.get('text'), 'table')
  },
} satisfies Record<string, Case>
