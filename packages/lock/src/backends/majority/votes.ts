/** The replies of several servers to one question. */
export interface Votes<R> {
  /** Whether a quorum agreed. */
  readonly quorum: boolean
  /** The replies of those that agreed so far. */
  readonly agreed: readonly R[]
  /** The number of those that replied, but did not agree. */
  readonly disagreed: number
  /** The errors of those that did not reply. */
  readonly failures: readonly unknown[]
}

/**
 * Collects votes. Resolves as soon as `needed` voters agree, or cannot agree any more, so it does
 * not wait for a server that hangs. Never rejects.
 */
export function collectVotes<R>(
  replies: readonly Promise<R>[],
  agrees: (reply: R) => boolean,
  needed: number,
): Promise<Votes<R>> {
  return new Promise((resolve) => {
    const agreed: R[] = []
    const failures: unknown[] = []
    let disagreed = 0
    const count = (): void => {
      const open = replies.length - agreed.length - disagreed - failures.length
      if (agreed.length >= needed || agreed.length + open < needed)
        resolve({
          quorum: agreed.length >= needed,
          agreed: [...agreed],
          disagreed,
          failures: [...failures],
        })
    }
    for (const promise of replies) {
      promise
        .then(
          (reply) => {
            if (agrees(reply)) agreed.push(reply)
            else disagreed++
          },
          (error: unknown) => failures.push(error),
        )
        .then(count, count)
    }
  })
}
