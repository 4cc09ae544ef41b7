/**
 * In each round a key is there once; what comes again is in a later one. `place`: where it was
 * among all.
 */
export function inRounds<I>(
  items: readonly I[],
  keyOf: (item: I) => string,
): { readonly item: I; readonly place: number }[][] {
  const rounds: { readonly item: I; readonly place: number }[][] = []
  const times = new Map<string, number>()
  for (const [place, item] of items.entries()) {
    const key = keyOf(item)
    const round = times.get(key) ?? 0
    times.set(key, round + 1)
    ;(rounds[round] ??= []).push({ item, place })
  }
  return rounds
}
