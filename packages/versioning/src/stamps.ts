/** The versions of groups, by group. */
export type GroupVersions = ReadonlyMap<string, number>

/** The keys of the groups' versions, by group. */
export type Groups = ReadonlyMap<string, string>

/** Encodes the stamp of an entry: the versions that its groups had before it was loaded. */
export function encodeStamp(groups: Groups, versions: GroupVersions): Buffer {
  return Buffer.from(
    JSON.stringify([...groups.keys()].map((group) => [group, versions.get(group)])),
  )
}

/** Returns the versions in a stamp. A stamp that can't be decoded has none. */
export function decodeStamp(stamp: Buffer | undefined): GroupVersions {
  if (stamp === undefined) return EMPTY
  try {
    return new Map(JSON.parse(stamp.toString()) as [string, number][])
  } catch {
    return EMPTY
  }
}

/** Returns whether every group has a version in both maps, and the same one. */
export function haveSameVersions(groups: Groups, a: GroupVersions, b: GroupVersions): boolean {
  for (const group of groups.keys()) {
    const version = a.get(group)
    if (version === undefined || version !== b.get(group)) return false
  }
  return true
}

/** No groups, or no versions. */
export const EMPTY: ReadonlyMap<string, never> = new Map<string, never>()
