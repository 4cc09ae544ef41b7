// Copies a checkout, so that a rehearsal changes only the copy.
import { execFileSync } from 'node:child_process'
import { copyFileSync, lstatSync, mkdirSync, readlinkSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Copies all files that git knows or would add, as they are now, and commits them in a repository
 * of its own. The note says how many files differ from the last commit of the original.
 */
export function copyTree(from, to) {
  mkdirSync(to, { recursive: true })
  const list = git(from, ['ls-files', '--cached', '--others', '--exclude-standard', '-z'])
  for (const file of new Set(list.split('\0').filter((name) => name !== ''))) {
    const source = join(from, file)
    const target = join(to, file)
    const stat = lstatSync(source, { throwIfNoEntry: false })
    if (stat === undefined) continue // It is deleted, but not committed.
    mkdirSync(dirname(target), { recursive: true })
    if (stat.isSymbolicLink()) symlinkSync(readlinkSync(source), target)
    else if (stat.isFile()) copyFileSync(source, target)
  }
  git(to, ['init', '--quiet', '--initial-branch=main'])
  git(to, ['add', '--all'])
  git(to, ['commit', '--quiet', '--no-verify', '--message=copy'])
  const uncommitted = git(from, ['status', '--porcelain']).split('\n').filter(Boolean).length
  return {
    note: uncommitted > 0 ? `with ${uncommitted} uncommitted changes` : 'of the last commit',
  }
}

/** The author of commits and tags in a copy. */
export const GIT_IDENTITY = {
  GIT_AUTHOR_NAME: 'rehearsal',
  GIT_AUTHOR_EMAIL: 'rehearsal@localhost',
  GIT_COMMITTER_NAME: 'rehearsal',
  GIT_COMMITTER_EMAIL: 'rehearsal@localhost',
}

function git(cwd, args) {
  return execFileSync('git', ['-c', 'commit.gpgsign=false', ...args], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1_024 ** 2,
    env: { ...process.env, ...GIT_IDENTITY },
  })
}
