/** A static single-page app: `nuxt generate` writes it to `.output/public`, which the audio server hands out at `/`. */
export default defineNuxtConfig({
  compatibilityDate: '2025-11-01',
  ssr: false,
  telemetry: false,
  devtools: { enabled: false },
  css: ['~/assets/main.css'],
  app: {
    head: {
      title: 'FlyLive',
      htmlAttrs: { lang: 'en' },
      viewport: 'width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content',
      meta: [
        { name: 'description', content: 'Live audio rooms' },
        { name: 'color-scheme', content: 'light dark' },
        { name: 'theme-color', content: '#f6f5f2', media: '(prefers-color-scheme: light)' },
        { name: 'theme-color', content: '#16171d', media: '(prefers-color-scheme: dark)' },
      ],
      link: [{ rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }],
    },
  },
  runtimeConfig: {
    public: {
      /** The audio server's tRPC address; empty: `/trpc` of the host that serves the page. */
      serverUrl: '',
    },
  },
  typescript: { strict: true },
});
