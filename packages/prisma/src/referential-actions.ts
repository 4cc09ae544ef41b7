/** The foreign keys of a model, in the words of a Prisma schema. */
export interface ParsedSchema {
  /** The relation fields that have the columns of a foreign key: `Post.author`. */
  readonly keys: ReadonlyMap<string, ParsedKey>
  /** The relation fields that are lists: `User.posts`. */
  readonly lists: ReadonlySet<string>
}

export interface ParsedKey {
  /** The fields of the foreign key. */
  readonly fields: readonly string[]
  /** The fields that it refers to. */
  readonly references: readonly string[]
  readonly onDelete: string
  readonly onUpdate: string
}

/**
 * Reads the relations of a Prisma schema, because the models that a client knows at run time lack
 * the referential actions. A schema that Prisma has accepted is assumed to be correct.
 */
export function parseRelations(schema: string): ParsedSchema {
  const keys = new Map<string, ParsedKey>()
  const lists = new Set<string>()
  const text = schema.replace(STRINGS_AND_COMMENTS, (found) => (found[0] === '"' ? '""' : ''))
  for (const [, model, body] of text.matchAll(MODEL)) {
    for (const [, field, list] of body!.matchAll(FIELD)) if (list) lists.add(`${model}.${field}`)
    for (const [, field, optional, args] of body!.matchAll(RELATION)) {
      const fields = names(args!, /\bfields\s*:\s*\[([^\]]*)\]/)
      if (fields.length === 0) continue
      keys.set(`${model}.${field}`, {
        fields,
        references: names(args!, /\breferences\s*:\s*\[([^\]]*)\]/),
        onDelete: action(args!, /\bonDelete\s*:\s*(\w+)/) ?? (optional ? 'SetNull' : 'Restrict'),
        onUpdate: action(args!, /\bonUpdate\s*:\s*(\w+)/) ?? 'Cascade',
      })
    }
  }
  return { keys, lists }
}

const STRINGS_AND_COMMENTS = /"(?:\\.|[^"\\\n])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g
const MODEL = /\b(?:model|view)\s+(\w+)\s*\{([^}]*)\}/g
const FIELD = /^[ \t]*(\w+)[ \t]+\w+[ \t]*(\[[ \t]*\])?/gm
const RELATION = /^[ \t]*(\w+)[ \t]+\w+[ \t]*(\?)?[^\n]*?@relation\s*\(((?:[^()]|\([^()]*\))*)\)/gm

function names(args: string, list: RegExp): string[] {
  return list.exec(args)?.[1]?.match(/\w+/g) ?? []
}

function action(args: string, name: RegExp): string | undefined {
  return name.exec(args)?.[1]
}
