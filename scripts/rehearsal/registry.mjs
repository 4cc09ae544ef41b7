// A registry on this machine, for packages that are not published yet.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runServer } from 'verdaccio'

/**
 * Starts a Verdaccio in this process, on the loopback interface and a free port. It keeps its
 * packages in `folder` and knows no other registry. Everybody may publish.
 */
export async function startRegistry(folder) {
  mkdirSync(folder, { recursive: true })
  const configPath = join(folder, 'config.yaml')
  const config = {
    storage: join(folder, 'storage'),
    auth: { htpasswd: { file: join(folder, 'htpasswd'), max_users: -1 } },
    uplinks: {},
    packages: { '**': { access: '$all', publish: '$all', unpublish: '$all' } },
    web: { enable: false },
    log: { type: 'stdout', format: 'json', level: 'fatal' },
    max_body_size: '100mb',
    configPath,
    self_path: configPath,
  }
  writeFileSync(configPath, JSON.stringify(config))
  const server = await runServer(config)
  await new Promise((done, fail) => {
    server.once('error', fail)
    server.listen(0, '127.0.0.1', done)
  })
  const url = `http://127.0.0.1:${server.address().port}/`
  return {
    url,
    /** Resolves when the port is free again. */
    stop: () =>
      new Promise((done) => {
        server.close(done)
        server.closeAllConnections()
      }),
  }
}
