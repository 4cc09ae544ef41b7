import { describe, expect, it } from 'vitest'
import { eventually } from '../src/index.js'

describe('eventually', () => {
  it('answers the first truthy value', async () => {
    const values = [undefined, null, false, 0, '', 'here']
    expect(await eventually(() => values.shift(), { every: 1 })).toBe('here')
  })

  it('tries a check that throws again', async () => {
    let tries = 0
    const flaky = async () => {
      if (++tries < 3) throw new Error('not yet')
      return tries
    }
    expect(await eventually(flaky, { every: 1 })).toBe(3)
  })

  it('says what the last check said when time is up', async () => {
    await expect(eventually(() => false, { within: 20, every: 1 })).rejects.toThrow(
      'within 20 ms: the last check answered false',
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
    ).rejects.toThrow('had not answered yet')
  })
})
