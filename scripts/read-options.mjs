// Reads options from source files: names, types, docstrings and defaults.
import ts from 'typescript'

/** Reads the options of one package from its source files. */
export class OptionReader {
  #checker
  #sources

  constructor(checker, sources) {
    this.#checker = checker
    this.#sources = sources
  }

  /**
   * Returns the rows of an interface, required options first, or `undefined` if there is no such
   * interface. `without` lists options, and interfaces whose own members are left out except those
   * in `keep`. An option in `expand` is replaced by its members: `retry` by `retry.max`, ….
   */
  rows(name, { without = [], keep = [], expand = [] } = {}) {
    const type = this.#typeOf(name)
    if (!type) return undefined
    const isLeftOut = (property) =>
      !keep.includes(property.name) &&
      (without.includes(property.name) || without.includes(ownerOf(property)))
    const rows = this.#checker
      .getPropertiesOfType(type)
      .filter((property) => !isLeftOut(property))
      .flatMap((property) => this.#rowsOf(property, property.name, expand))
    const isRequired = (row) => row.fallback === 'required'
    return [...rows.filter(isRequired), ...rows.filter((row) => !isRequired(row))]
  }

  /** Returns the options whose docstring and table of options disagree about the default. */
  wrongDefaults() {
    return this.#tables().flatMap(({ name, declared }) => {
      const rows = new Map(this.rows(name)?.map((row) => [row.name, row]))
      return [...declared].flatMap(([option, fallback]) => {
        const row = rows.get(option)
        if (!row || isSame(row.fallback, fallback)) return []
        return [
          `the default of ${name}.${option} is ${fallback}, ` +
            `but the docstring says ${row.fallback}.`,
        ]
      })
    })
  }

  #rowsOf(property, name, expand) {
    if (!expand.includes(name)) return [this.#row(property, name)]
    const type = this.#checker.getNonNullableType(this.#checker.getTypeOfSymbol(property))
    return this.#checker
      .getPropertiesOfType(type)
      .flatMap((member) => this.#rowsOf(member, `${name}.${member.name}`, expand))
  }

  #row(property, name) {
    const declaration = property.declarations[0]
    const text = ts
      .displayPartsToString(property.getDocumentationComment(this.#checker))
      .replace(/\n\s*- /g, ' ')
      .replace(/\s+/g, ' ')
      .trim()
    const { fallback, rest } = splitDefault(text)
    const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0
    return {
      name,
      type: typeText(declaration),
      fallback: fallback ?? (isOptional ? 'none' : 'required'),
      description: rest,
    }
  }

  #typeOf(name) {
    for (const source of this.#sources) {
      const found = source.statements.find(
        (statement) =>
          (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) &&
          statement.name.text === name,
      )
      if (found) return this.#checker.getTypeAtLocation(found)
    }
    return undefined
  }

  /** Returns the tables of options, with the literal default of each row that has one. */
  #tables() {
    const tables = []
    const visit = (node) => {
      if (ts.isSatisfiesExpression(node) && ts.isObjectLiteralExpression(node.expression)) {
        const match = /^OptionTable<(?:Omit<)?(\w+)/.exec(node.type.getText())
        if (match) tables.push({ name: match[1], declared: defaultsIn(node.expression) })
      }
      ts.forEachChild(node, visit)
    }
    for (const source of this.#sources) visit(source)
    return tables
  }
}

/** Splits the sentence about the default off a docstring. */
export function splitDefault(text) {
  const match = /(?:^|(?<=[.!?)] ))Default:? ((?:[^.]|\.(?! |$))+)\.(?: |$)/.exec(text)
  if (!match) return { fallback: undefined, rest: text }
  const rest = text.slice(0, match.index) + text.slice(match.index + match[0].length)
  return { fallback: match[1], rest: rest.trim() }
}

/** Returns whether a docstring's default is the literal of the code: `5 s` is `'5s'`. */
export function isSame(text, literal) {
  return normalized(text) === normalized(literal)
}

const UNITS = { ms: 1, s: 1e3, m: 6e4, min: 6e4, minute: 6e4, h: 36e5, d: 864e5 }
const SIZES = { b: 1, kb: 1024, kib: 1024, mb: 1024 ** 2, mib: 1024 ** 2 }

function normalized(text) {
  const bare = text.replace(/["'`_]/g, '').trim()
  const [, number, unit] = /^([\d .]+?) ?([a-zA-Z]*)$/.exec(bare) ?? []
  if (number === undefined) return bare
  const value = Number(number.replaceAll(' ', ''))
  const factor = UNITS[unit] ?? SIZES[unit.toLowerCase()]
  return unit === '' ? String(value) : factor === undefined ? bare : `${value * factor} of unit`
}

/** The functions that take the default of an option. */
const WITH_DEFAULT = /^(duration|size|number|choice|flag|text|given)Option$/

/** Returns the literal defaults of the rows: the last argument, or the one before an object. */
function defaultsIn(table) {
  const declared = new Map()
  for (const property of table.properties) {
    if (!ts.isPropertyAssignment(property) || !ts.isCallExpression(property.initializer)) continue
    if (!WITH_DEFAULT.test(property.initializer.expression.getText())) continue
    const literals = property.initializer.arguments.filter(isLiteral)
    if (literals.length > 0) declared.set(property.name.getText(), literals.at(-1).getText())
  }
  return declared
}

function isLiteral(node) {
  return (
    ts.isStringLiteral(node) ||
    ts.isNumericLiteral(node) ||
    node.kind === ts.SyntaxKind.TrueKeyword ||
    node.kind === ts.SyntaxKind.FalseKeyword
  )
}

/** Returns the name of the interface that declares a property. */
function ownerOf(property) {
  return property.declarations[0].parent.name?.text
}

/** Returns the declared type without modifiers, or only an outline of it if that is long. */
function typeText(declaration) {
  const node = declaration.type
  if (!node || ts.isMethodSignature(declaration)) return 'function'
  const text = node
    .getText()
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/([^{;,(|])\n\s*(?=(?:readonly )?\w+\??:)/g, '$1; ')
    .replace(/\s+/g, ' ')
    .replace(/^\| /, '')
    .replace(/; \}/g, ' }')
    .replace(/\breadonly /g, '')
    .replace(/NonNullable<(\w+)>/g, '$1')
    .replace(/^Readonly<(.*)>$/, '$1')
  const parameter = declaration.parent.typeParameters?.find(({ name }) => name.text === text)
  if (parameter?.constraint) return parameter.constraint.getText()
  if (text.length <= 50) return text
  if (ts.isFunctionTypeNode(node))
    return `(${node.parameters.map(({ name }) => name.getText()).join(', ')}) => …`
  return text.includes('=>') ? 'function' : 'object'
}

/**
 * Parses what follows the interface in the comment before a table: `without a, B, keep c, expand
 * d, d.e`.
 */
export function parseSelection(text) {
  const selection = { without: [], keep: [], expand: [] }
  let list
  for (const word of text.split(/[\s,]+/).filter((part) => part !== '')) {
    if (Object.hasOwn(selection, word)) list = selection[word]
    else if (list) list.push(word)
    else throw new Error(`"${word}" is not one of ${Object.keys(selection).join(', ')}.`)
  }
  return selection
}
