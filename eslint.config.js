import tseslint from 'typescript-eslint'

const patterns = [
  'aside',
  'write-through',
  'write-behind',
  'lock',
  'ratelimit',
  'versioning',
  'pubsub-invalidation',
  'sharding',
]

/** What a package may import of ours, and nothing else. */
const allowed = {
  testing: [],
  testkit: ['testing'],
  core: [],
  otel: ['core'],
  memory: ['core'],
  keyv: ['core'],
  glide: ['core'],
  ...Object.fromEntries(patterns.map((name) => [name, ['core']])),
  nestjs: ['core', 'aside', 'versioning', 'lock', 'ratelimit'],
  hierarchical: ['core', 'versioning'],
  drizzle: ['core', 'versioning'],
  prisma: ['core', 'versioning'],
  http: ['core', 'versioning'],
  nextjs: ['core'],
  service: ['core', ...patterns, 'hierarchical'],
}

const ours = (may) => `^@cache/(?!(${[...may, '(?!)'].join('|')})(/|$))`
const clients = '^(ioredis|redis)(/|$)'

const hostClock = {
  selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
  message:
    'Do not use the host’s clock. Use the server’s TIME for state in Redis, and ' +
    'performance.now() for deadlines in the process.',
}

const imports = Object.entries(allowed).map(([name, may]) => {
  const named = may.map((other) => `@cache/${other}`).join(', ') || 'no other package of ours'
  const message = `@cache/${name} may import ${named}. Imports never point upwards.`
  const refused = [
    { regex: ours(may), message },
    { regex: '/(src|dist)/', message: 'Import a package by its public name.' },
    ...(name === 'core'
      ? [{ regex: clients, message: 'Core loads no client: its drivers know them by their shape.' }]
      : []),
  ]
  return {
    files: [`packages/${name}/src/**/*.ts`],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: refused }],
      'no-restricted-syntax': [
        'error',
        ...(['testing', 'testkit'].includes(name) ? [] : [hostClock]),
        ...refused.map(({ regex, message }) => ({
          selector: `ImportExpression[source.value=/${regex.replaceAll('/', '\\u002F')}/]`,
          message,
        })),
      ],
    },
  }
})

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '**/.turbo/**',
      '**/generated/**',
      '**/.next/**',
      '.tmp/**',
      '.tools/**',
      'apps/docs/.vitepress/.temp/**',
      'apps/docs/.vitepress/cache/**',
      'apps/bench/results/**',
    ],
  },
  {
    files: ['**/*.ts'],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: {
        projectService: { allowDefaultProject: ['scripts/*.ts'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { '@typescript-eslint': tseslint.plugin },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', ignoreUsingDeclarations: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  {
    files: ['**/*.{ts,js,mjs,cjs}'],
    rules: {
      // prettier wraps code, but not comments and texts.
      'max-len': ['error', { code: 100, ignoreUrls: true }],
      'no-debugger': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    rules: {
      'no-console': 'error',
    },
  },
  { files: ['packages/testkit/src/**/*.ts'], rules: { 'no-console': 'off' } },
  ...imports,
  {
    files: ['apps/*/src/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^@cache/core/(driver-)?internal$',
              message: 'It is for our packages, and may change in any release.',
            },
          ],
        },
      ],
    },
  },
)
