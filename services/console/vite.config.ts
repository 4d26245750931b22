import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

// Where the edge of a gateway is while the pages are worked on: `npm run dev`.
const edge = process.env["SWITCHOVER_EDGE"] ?? "http://127.0.0.1:8081";

export default defineConfig({
  plugins: [preact()],
  build: {
    target: ["chrome123", "edge123", "firefox120", "safari17.5"],
    // Everything is a file of its own: the page's policy lets neither inline nor data be run.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "^/(switchover\\.|session)": edge } },
});
