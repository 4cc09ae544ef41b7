import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { NestFactory } from '@nestjs/core'
import type { AbstractHttpAdapter } from '@nestjs/core'
import type { INestApplication, ModuleMetadata } from '@nestjs/common'
import { Module } from '@nestjs/common'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'

export const platforms = ['express', 'fastify'] as const
export type Platform = (typeof platforms)[number]

/** An application that listens. */
export interface RunningApplication extends AsyncDisposable {
  readonly app: INestApplication
  readonly url: string
  /** Sends a request, and returns the status, the headers, and the body as JSON or as a text. */
  request(
    path: string,
    options?: RequestInit,
  ): Promise<{ readonly status: number; readonly headers: Headers; readonly body: any }>
  close(): Promise<void>
}

/** Starts an application of these providers and controllers. */
export async function startApplication(
  platform: Platform,
  metadata: ModuleMetadata,
): Promise<RunningApplication> {
  class ApplicationModule {}
  Module(metadata)(ApplicationModule)
  const adapter: AbstractHttpAdapter =
    platform === 'express' ? new ExpressAdapter() : (new FastifyAdapter() as AbstractHttpAdapter)
  const app = await NestFactory.create(ApplicationModule, adapter, {
    logger: false,
    abortOnError: false,
  })
  await app.listen(0, '127.0.0.1')
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => (closed ??= app.close())
  return {
    app,
    url,
    async request(path, options) {
      const response = await fetch(url + path, {
        ...options,
        headers: { connection: 'close', ...(options?.headers as object) },
      })
      const text = await response.text()
      return { status: response.status, headers: response.headers, body: jsonOr(text) }
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
