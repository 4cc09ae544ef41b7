import { PrismaPg } from '@prisma/adapter-pg'
import { describe, expect, it } from 'vitest'
import { internalsOf, operationInternals } from '../src/client-internals.js'
import { Models } from '../src/models.js'
import { describeOperation } from '../src/operation.js'
import { parseRelations } from '../src/referential-actions.js'
import { PrismaClient } from './generated/client.js'

const { _runtimeDataModel: dataModel, _engineConfig } = internalsOf(
  new PrismaClient({ adapter: new PrismaPg({ host: 'localhost' }) }),
)

describe('what an operation does', () => {
  const models = new Models(dataModel, _engineConfig.inlineSchema, {})
  const does = (model: string, operation: string, args: object, known = models) => {
    const described = describeOperation(known, model, operation, args)
    return described.does === 'anything'
      ? described.does
      : `${described.does} ${[...described.models].sort().join()}`
  }

  it('reads its model and the relations in its arguments', () => {
    expect(does('User', 'findMany', {})).toBe('read User')
    expect(does('User', 'aggregate', { _count: true })).toBe('read User')
    expect(does('Tag', 'findMany', { include: { _count: true } })).toBe('read Post,Tag')
    expect(does('User', 'findFirst', { where: { AND: [{ reports: { some: {} } }] } })).toBe(
      'read User',
    )
    expect(
      does('Profile', 'findMany', { where: { user: { is: { posts: { every: { tags: {} } } } } } }),
    ).toBe('read Post,Profile,Tag,User')
    expect(does('User', 'findRaw', {})).toBe('anything')
  })

  it('reads relations that have the name of a keyword', () => {
    const relation = (name: string, type: string, relationName = name) => ({
      name,
      kind: 'object',
      type,
      relationName,
    })
    const fields = [relation('where', 'Place'), relation('some', 'Part'), relation('tags', 'Tag')]
    const all = { Thing: { fields }, Place: { fields: [] }, Part: { fields: [] } }
    const known = new Models({ models: { ...all, Tag: { fields: [] } } }, '', {})
    expect(does('Thing', 'findMany', { where: { tags: {} } }, known)).toBe('read Place,Tag,Thing')
    expect(does('Thing', 'findMany', { where: { some: { tags: {} } } }, known)).toBe(
      'read Part,Place,Tag,Thing',
    )
  })

  it('passes deletions and changed keys on by foreign keys, and new rows not', () => {
    expect(does('User', 'create', { data: { id: 1, name: 'a' } })).toBe('write User')
    expect(does('User', 'update', { data: { name: 'a' } })).toBe('write User')
    expect(does('User', 'update', { data: { id: 2 } })).toBe('write Post,Profile,User')
    expect(does('User', 'upsert', { create: { id: 2 }, update: {} })).toBe('write User')
    expect(does('User', 'upsert', { create: {}, update: { id: { set: 2 } } })).toBe(
      'write Post,Profile,User',
    )
    expect(does('User', 'delete', {})).toBe('write Post,Profile,User')
    expect(does('Post', 'deleteMany', {})).toBe('write Comment,Post')
    expect(does('Comment', 'delete', {})).toBe('write Comment')
    expect(does('User', 'inventedLater', {})).toBe('write Post,Profile,User')
  })

  it('writes the models of nested writes', () => {
    const update = (data: object) => does('User', 'update', { data })
    expect(update({ posts: { connect: { id: 1 } } })).toBe('write Post,User')
    expect(update({ posts: { delete: [{ id: 1 }] } })).toBe('write Comment,Post,User')
    expect(update({ posts: { update: { where: {}, data: { id: 1 } } } })).toBe(
      'write Comment,Post,User',
    )
    expect(update({ profile: { delete: true } })).toBe('write Profile,User')
    expect(update({ profile: { delete: undefined } })).toBe('write Profile,User')
    expect(update({ posts: { create: [{ tags: { create: {} } }] } })).toBe('write Post,Tag,User')
    expect(update({ posts: { later: {} } })).toBe('write Comment,Post,User')
    expect(does('Post', 'update', { data: { tags: { connect: {} } } })).toBe('write Post,Tag')
  })

  it('relations between different models may have the same name', () => {
    const schema = `
      model User {
        id       Int       @id
        posts    Post[]    @relation("owner")
        comments Comment[] @relation("owner")
      }
      model Post {
        authorId Int
        no       Int
        author   User      @relation("owner", fields: [authorId], references: [id])
        comments Comment[]
        @@id([authorId, no])
      }
      model Comment {
        id     Int  @id
        userId Int
        user   User @relation("owner", fields: [userId], references: [id])
        postAuthor Int
        postNo     Int
        post   Post @relation(fields: [postAuthor, postNo], references: [authorId, no])
      }`
    const relation = (name: string, type: string, relationName: string) => ({
      name,
      kind: 'object',
      type,
      relationName,
    })
    const [posts, comments] = ['Post', 'Comment'].map((type) =>
      relation(`${type.toLowerCase()}s`, type, 'owner'),
    )
    const post = relation('post', 'Post', 'CommentToPost')
    const known = new Models(
      {
        models: {
          User: { fields: [posts!, comments!] },
          Post: {
            fields: [
              relation('author', 'User', 'owner'),
              relation('comments', 'Comment', 'CommentToPost'),
            ],
          },
          Comment: { fields: [relation('user', 'User', 'owner'), post] },
        },
      },
      schema,
      {},
    )
    const connect = (relationField: string) =>
      does('User', 'update', { data: { [relationField]: { connect: {} } } }, known)
    expect(connect('posts')).toBe('write Comment,Post,User')
    expect(connect('comments')).toBe('write Comment,User')
    expect(does('Post', 'update', { data: { author: { connect: {} } } }, known)).toBe(
      'write Comment,Post,User',
    )
  })

  it('models may have the names of members of every object', () => {
    const known = new Models({ models: { constructor: { fields: [] } } }, '', {})
    expect(does('constructor', 'create', { data: {} }, known)).toBe('write constructor')
  })

  it('a foreign key that the schema does not show passes everything on', () => {
    const unknown = new Models(dataModel, '', {})
    expect(does('Profile', 'delete', {}, unknown)).toBe('write Comment,Post,Profile,Tag,User')
    expect(does('User', 'update', { data: { name: 'a' } }, unknown)).toBe(
      'write Comment,Post,Profile,Tag,User',
    )
    expect(does('Counter', 'update', { data: { value: 1 } }, unknown)).toBe('write Counter')
    expect(does('Post', 'update', { data: { tags: { connect: {} } } }, unknown)).toBe(
      'write Comment,Post,Profile,Tag,User',
    )
  })

  it('dependents change with a model, also through others', () => {
    const dependents = { Post: ['Log'], Log: ['Counter'] }
    const known = new Models(dataModel, _engineConfig.inlineSchema, dependents)
    expect(does('User', 'delete', {}, known)).toBe('write Counter,Log,Post,Profile,User')
    expect(does('Comment', 'delete', {}, known)).toBe('write Comment')
    expect(known.namedBy(['Log']).sort()).toEqual(['Counter', 'Log'])
  })
})

describe('the relations of a schema', () => {
  it('are read with their actions and defaults', () => {
    const { keys, lists } = parseRelations(`
      datasource db { url = "postgres://x" }
      /* model Ghost { a A @relation(fields: [x], references: [y]) } */
      model A {
        id Int @id @default(dbgenerated("{ // }"))
        bs B[] // a: A @relation(fields: [no], references: [no])
        tags Tag []
      }
      model B {
        id   Int @id
        a    A?  @relation("the // name", fields: [aId], references: [id])
        aId  Int?
        /// c @relation(fields: [no], references: [no])
        c    A @relation(
          fields: [c1, c2],
          references: [x, y],
          onDelete: Cascade,
          onUpdate: NoAction,
          map: "fk(c)"
        )
        d    A @relation(references: [id], fields: [dId])
        other A @relation("other")
      }`)
    expect(Object.fromEntries(keys)).toEqual({
      'B.a': { fields: ['aId'], references: ['id'], onDelete: 'SetNull', onUpdate: 'Cascade' },
      'B.c': {
        fields: ['c1', 'c2'],
        references: ['x', 'y'],
        onDelete: 'Cascade',
        onUpdate: 'NoAction',
      },
      'B.d': { fields: ['dId'], references: ['id'], onDelete: 'Restrict', onUpdate: 'Cascade' },
    })
    expect([...lists]).toEqual(['A.bs', 'A.tags'])
  })
})

describe('versions of Prisma that are not supported', () => {
  it('are refused before anything is executed', () => {
    expect(() => operationInternals({ args: {} })).toThrow(/not supported/)
    const transaction = { kind: 'later' }
    expect(() => operationInternals({ __internalParams: { dataPath: [], transaction } })).toThrow(
      /not supported/,
    )
    expect(() => internalsOf({ $transaction() {}, $extends() {} })).toThrow(/not supported/)
  })
})
