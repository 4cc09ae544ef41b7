import TwoslashFloatingVue from '@shikijs/vitepress-twoslash/client'
import type { Theme } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import '@shikijs/vitepress-twoslash/style.css'
import Diagram from './Diagram.vue'
import Questionnaire from './choose/Questionnaire.vue'
import { registerExamples } from './examples/index.js'
import './style.css'

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.use(TwoslashFloatingVue)
    app.component('Diagram', Diagram)
    app.component('Questionnaire', Questionnaire)
    registerExamples(app)
  },
} satisfies Theme
