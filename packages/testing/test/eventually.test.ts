import { describe, expect, it } from 'vitest'
import { eventually } from '../src/index.js'

describe('eventually', () => {
  it('returns the first truthy value', async () => {
    const values = [undefined, null, false, 0, '', 'here']
    expect(await eventually(() => values.shift(), { every: 1 })).toBe('here')
  })

  it('repeats a check that throws', async () => {
    let tries = 0
    const flaky = async () => {
      if (++tries < 3) throw new Error('not yet')
      return tries
    }
    expect(await eventually(flaky, { every: 1 })).toBe(3)
  })

  it('describes the result of the last check on a timeout', async () => {
    await expect(eventually(() => false, { within: 20, every: 1 })).rejects.toThrow(
      'The condition was not met within 20 ms: the last check returned false',
    )
    const cause = new Error('still closed')
    const failing = eventually(() => Promise.reject<boolean>(cause), { within: 20, every: 1 })
    await expect(failing).rejects.toMatchObject({
      message: expect.stringContaining('still closed'),
      cause,
    })
  })

  it('ends a check that hangs', async () => {
    await expect(
      eventually(() => new Promise<boolean>(() => undefined), { within: 20 }),
    ).rejects.toThrow('had not returned yet')
  })
})
