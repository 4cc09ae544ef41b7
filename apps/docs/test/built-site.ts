import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import sirv from 'sirv'

const root = resolve(import.meta.dirname, '../../..')

/** The folder of the built site, and the path at which it is served. */
export const dist = resolve(import.meta.dirname, '../.vitepress/dist')
export const base = '/cache'

/** Builds the site, unless it is up to date. */
export function buildSite(): void {
  const task = ['exec', 'turbo', 'run', 'build', '--filter=@cache/docs']
  execFileSync('pnpm', [...task, '--output-logs=errors-only'], { cwd: root, stdio: 'inherit' })
}

/** Serves the built site on a free port. */
export async function serveSite() {
  const files = sirv(dist, { extensions: ['html'] })
  const server = createServer((request, response) => {
    request.url = request.url!.replace(base, '') || '/'
    files(request, response, () => {
      response.writeHead(404).end()
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: `${origin}${base}`, close: () => void server.close() }
}
