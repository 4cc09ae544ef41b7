// Writes the changelogs. A change links to its commit. All packages are released together: the
// entry of a package without changes is empty, or one line with the versions that it needs.
const { repository } = require('../package.json')

const address = repository.url.replace(/^git\+/, '').replace(/\.git$/, '')

module.exports = {
  async getReleaseLine({ summary, commit }) {
    const [first, ...others] = summary.trim().split('\n')
    const link = commit ? ` ([${commit.slice(0, 7)}](${address}/commit/${commit}))` : ''
    return [`- ${first}${link}`, ...others.map((line) => (line === '' ? '' : `  ${line}`))].join(
      '\n',
    )
  },

  async getDependencyReleaseLine(_changesets, dependencies) {
    if (dependencies.length === 0) return ''
    const needed = dependencies.map(({ name, newVersion }) => `${name} ${newVersion}`)
    return `- Needs ${needed.join(', ')}.`
  },
}
