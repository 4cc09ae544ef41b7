import { expect, it } from 'vitest'
import { goalsOf } from '../src/report/goals.js'
import { scenariosNamed } from '../src/scenarios/named.js'

// Each runs in its short form, which measures nothing. The others are covered by their contenders.
const RUN = 'keys, hit, gcra, lock queue, write-behind'

it.each(scenariosNamed(RUN).map((scenario) => ({ ...scenario })))(
  'the scenario $name has a value for the picture and for each of its goals',
  async ({ name, run }) => {
    const result = await run('short')
    for (const row of result.rows) expect(row, row.name).toHaveProperty([result.shown])
    const goals = goalsOf(name, result)
    expect(goals.length).toBeGreaterThan(0)
    for (const goal of goals) expect(goal.measured, goal.what).toBeGreaterThan(0)
  },
  60_000,
)

it('the name "goals" selects all scenarios with goals, and an unknown one is refused', () => {
  const names = scenariosNamed('goals, sizes').map(({ name }) => name)
  expect(names).toContain('heap')
  expect(names).toContain('sizes')
  expect(names).not.toContain('outage')
  expect(() => scenariosNamed('hti')).toThrow('There is no hti. There are: keys, hit')
})
