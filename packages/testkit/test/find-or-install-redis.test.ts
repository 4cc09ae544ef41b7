import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { spawnProcesses } from '../src/index.js'
import { findOrInstallRedis } from '../src/install/find-or-install-redis.js'

describe('findOrInstallRedis', () => {
  let home: string
  let bin: string
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'find-redis-'))
    bin = join(home, 'bin')
    await mkdir(bin)
  })
  afterEach(() => rm(home, { recursive: true }))

  /** Returns an environment that contains only the programs that a test puts into `bin`. */
  const isolated = (more: NodeJS.ProcessEnv = {}) => ({
    PATH: `${join(home, 'none')}:${bin}`,
    HOME: home,
    XDG_RUNTIME_DIR: home,
    ...more,
  })
  const program = async (name: string, script: string) => {
    const path = join(bin, name)
    await writeFile(path, `#!/bin/sh\n${script}\n`)
    await chmod(path, 0o755)
    return path
  }

  it('a package manager installs Redis once for concurrent processes, with a notice', async () => {
    for (const tool of ['env', 'sh', 'sleep', 'chmod'])
      await symlink(`/usr/bin/${tool}`, join(bin, tool))
    const install = `
      echo "$@" >>"$HOME/log"
      case "$*" in *install*)
        sleep 0.3; echo "#!/bin/sh" >"$HOME/bin/redis-server"; chmod +x "$HOME/bin/redis-server"
      esac`
    await program('apt-get', install)
    await program('brew', install)
    await program('sudo', 'while [ "$1" = -n ]; do shift; done; exec "$@"')
    await using group = spawnProcesses(new URL('./programs/finds-redis.ts', import.meta.url), {
      count: 3,
      data: isolated({ CACHE_TESTKIT_INSTALL: '1' }),
    })
    const found = await group.all<{ type: 'found'; source: unknown; log: string }>('found')
    expect(found.map(({ source }) => source)).toEqual(
      Array.from({ length: 3 }, () => ({ kind: 'binary', path: join(bin, 'redis-server') })),
    )
    expect(found[0]?.log.match(/^install /gm)).toHaveLength(1)
    await Promise.all(group.processes.map(({ exited }) => exited))
    expect(
      group.processes.filter(({ stderr }) => /installing one with .*install/.test(stderr)),
    ).toHaveLength(1)
  })

  it('a user that is not root has to allow an installation', async () => {
    const marker = await program('marker', '')
    await rm(marker)
    for (const tool of ['apt-get', 'brew', 'sudo']) await program(tool, `echo >"${marker}"`)
    const getuid = vi.spyOn(process, 'getuid').mockReturnValue(1_000)
    try {
      await expect(findOrInstallRedis({ env: isolated(), docker: false })).rejects.toThrow(
        /npm test -- --install/,
      )
      expect(existsSync(marker)).toBe(false)
      await expect(
        findOrInstallRedis({ env: isolated({ CACHE_TESTKIT_INSTALL: '1' }), docker: false }),
      ).rejects.toThrow(/No Redis found/)
      expect(existsSync(marker)).toBe(true)
    } finally {
      getuid.mockRestore()
    }
  })
})
