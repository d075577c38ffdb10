import { defineConfig } from 'vite';

// `npm run dev` serves the page with this server's API behind it.
const server = process.env.FACEQL_URL ?? 'http://127.0.0.1:8080';
const api = { target: server, ws: true, changeOrigin: false };

export default defineConfig({
  build: {
    // No file is written into another one as a data: URL, but those that a dependency wrote so itself.
    assetsInlineLimit: 0,
    // Monaco, the editor, is most of it and needed at once; splitting it further gains nothing here.
    chunkSizeWarningLimit: 5000,
    // What is compiled into a binary goes with its notices.
    license: { fileName: 'assets/licenses.md' },
    modulePreload: { polyfill: false },
    target: 'es2022',
    rolldownOptions: {
      // "use client" at the top of a dependency's file means nothing outside a server that renders React.
      onLog: (level, log, report) => log.code === 'MODULE_LEVEL_DIRECTIVE' || report(level, log),
    },
  },
  server: { proxy: { '/graphql': api, '/files': api } },
});
