import { defineConfig } from "vite";

export default defineConfig({
  base: "/graphiql/",
  worker: { format: "es" },
  // The editor alone is several megabytes; it is served locally and cached for ever by its hashed name.
  build: { outDir: "dist", emptyOutDir: true, chunkSizeWarningLimit: 8000 },
});
