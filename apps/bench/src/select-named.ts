/**
 * Returns the elements of a list such as `hit,cold key`; all without a list.
 *
 * @throws {Error} for a name that none has.
 */
export function selectNamed<T extends { readonly name: string }>(
  list: string | undefined,
  all: readonly T[],
): readonly T[] {
  if (list === undefined) return all
  const names = list.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !all.some((one) => one.name === name))
  if (unknown.length > 0)
    throw new Error(
      `There is no ${unknown.join(', ')}. ` +
        `There are: ${all.map(({ name }) => name).join(', ')}.`,
    )
  return all.filter(({ name }) => names.includes(name))
}
