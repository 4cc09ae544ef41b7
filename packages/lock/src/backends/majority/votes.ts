export interface Votes<R> {
  /** As many as needed agreed. */
  readonly won: boolean
  /** The answers of those that agreed, so far. */
  readonly agreed: readonly R[]
  /** How many answered otherwise. */
  readonly against: number
  /** Of those that gave no answer. */
  readonly failures: readonly unknown[]
}

/**
 * Resolves as soon as so many agree, or can't any more: who hangs is not waited for. Never rejects.
 */
export function majorityOf<R>(
  answers: readonly Promise<R>[],
  agrees: (answer: R) => boolean,
  needed: number,
): Promise<Votes<R>> {
  return new Promise((resolve) => {
    const agreed: R[] = []
    const failures: unknown[] = []
    let against = 0
    const count = (): void => {
      const open = answers.length - agreed.length - against - failures.length
      if (agreed.length >= needed || agreed.length + open < needed)
        resolve({
          won: agreed.length >= needed,
          agreed: [...agreed],
          against,
          failures: [...failures],
        })
    }
    for (const answer of answers) {
      answer
        .then(
          (one) => {
            if (agrees(one)) agreed.push(one)
            else against++
          },
          (error: unknown) => failures.push(error),
        )
        .then(count, count)
    }
  })
}
