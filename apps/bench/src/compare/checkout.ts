import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Build } from './build-process.js'

export const root = fileURLToPath(new URL('../../../..', import.meta.url))

/**
 * Builds a commit in a worktree in the system's folder for temporary files. It gets the benchmark
 * of this build, so that both do the same work. The worktree is removed when this process ends.
 *
 * @throws {Error} for an unknown commit, or one without a benchmark.
 */
export function checkOut(ref: string): Build {
  const commit = git('rev-parse', '--verify', '--quiet', '--short', `${ref}^{commit}`).trim()
  const folder = mkdtempSync(join(tmpdir(), 'cache-bench-'))
  const worktree = join(folder, 'worktree')
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true })
    git('worktree', 'prune')
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  git('worktree', 'add', '--quiet', '--detach', worktree, commit)
  if (!existsSync(join(worktree, 'apps/bench'))) throw new Error(`${ref} has no apps/bench.`)
  cpSync(join(root, 'apps/bench/src'), join(worktree, 'apps/bench/src'), { recursive: true })
  const pnpm = (...args: string[]) =>
    execFileSync('pnpm', args, { cwd: worktree, env, stdio: ['ignore', 'inherit', 'inherit'] })
  pnpm('install', '--frozen-lockfile', '--prefer-offline', '--reporter=silent')
  const cache = `--cache-dir=${join(root, '.turbo/cache')}`
  pnpm('exec', 'turbo', 'run', 'build', '--filter=./packages/*', cache, '--output-logs=errors-only')
  return { name: `${ref} (${commit})`, root: worktree }
}

/** The version of pnpm that runs this one also builds the other. */
const env = { ...process.env, npm_config_manage_package_manager_versions: 'false' }

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { cwd: root, encoding: 'utf8' })
  } catch {
    throw new Error(`git ${args.join(' ')} failed.`)
  }
}
