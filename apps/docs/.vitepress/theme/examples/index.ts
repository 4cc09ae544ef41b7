// The interactive examples, as global components. Pages without examples do not load them.
import type { App, Component } from 'vue'
import { defineAsyncComponent, h, resolveComponent } from 'vue'

export function registerExamples(app: App): void {
  app.component(
    'StampedeExample',
    inBrowser(() => import('./StampedeExample.vue')),
  )
  app.component(
    'StaleFillExample',
    inBrowser(() => import('./StaleFillExample.vue')),
  )
  app.component(
    'LimitersExample',
    inBrowser(() => import('./LimitersExample.vue')),
  )
  app.component(
    'AddShardExample',
    inBrowser(() => import('./AddShardExample.vue')),
  )
}

/** A component that is loaded in the browser only, after the globals that the packages need. */
function inBrowser(load: () => Promise<{ default: Component }>): Component {
  if (import.meta.env.SSR) return () => h(resolveComponent('ClientOnly'))
  const Example = defineAsyncComponent(async () => {
    await import('@cache/browser/globals')
    return load()
  })
  return () => h(resolveComponent('ClientOnly'), () => h(Example))
}
