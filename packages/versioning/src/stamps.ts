/** Versions by group. */
export type GroupVersions = ReadonlyMap<string, number>

/** The keys of the groups' versions, by group. */
export type Groups = ReadonlyMap<string, string>

/** What travels with an entry: the versions its groups had before it was loaded. */
export function encodeStamp(groups: Groups, versions: GroupVersions): Buffer {
  return Buffer.from(
    JSON.stringify([...groups.keys()].map((group) => [group, versions.get(group)])),
  )
}

/** What can't be read are no versions. */
export function decodeStamp(stamp: Buffer | undefined): GroupVersions {
  if (stamp === undefined) return NONE
  try {
    return new Map(JSON.parse(stamp.toString()) as [string, number][])
  } catch {
    return NONE
  }
}

/** Whether every group has a version, and the same one in both. */
export function agree(groups: Groups, one: GroupVersions, other: GroupVersions): boolean {
  for (const group of groups.keys()) {
    const version = one.get(group)
    if (version === undefined || version !== other.get(group)) return false
  }
  return true
}

export const NONE: ReadonlyMap<string, never> = new Map<string, never>()
