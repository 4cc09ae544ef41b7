import TwoslashFloatingVue from '@shikijs/vitepress-twoslash/client'
import { type Theme, useRoute } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import { onMounted, watch } from 'vue'
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
  setup() {
    // The theme gives the home page no main landmark.
    const markMain = () => {
      const content = document.querySelector('.VPContent')
      if (content?.classList.contains('is-home')) content.setAttribute('role', 'main')
      else content?.removeAttribute('role')
    }
    onMounted(markMain)
    const route = useRoute()
    watch(() => route.path, markMain, { flush: 'post' })
  },
} satisfies Theme
