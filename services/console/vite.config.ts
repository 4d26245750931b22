import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

// The edge of a gateway, while the pages are worked on: `npm run dev`. It takes changes from its own pages alone,
// so the pages are said to be its own.
const edge = new URL(process.env["SWITCHOVER_EDGE"] ?? "http://localhost:8081");
const asked = { target: edge.origin, changeOrigin: true, headers: { origin: edge.origin } };

export default defineConfig({
  plugins: [preact()],
  build: {
    target: ["chrome123", "edge123", "firefox120", "safari17.5"],
    // Everything is a file of its own: the page's policy lets neither inline nor data be run.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "^/(switchover\\.|session)": asked } },
});
