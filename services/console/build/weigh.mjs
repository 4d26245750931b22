// Weighs what a browser loads before the first page shows: compressed as an edge sends it.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const MOST_BYTES = 150_000;

const dist = new URL("../dist/", import.meta.url);
const page = readFileSync(new URL("index.html", dist));
const parts = [...page.toString().matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((found) => found[1]);
const files = [page, ...parts.map((part) => readFileSync(new URL(part, dist)))];
const bytes = files.reduce((sum, file) => sum + gzipSync(file, { level: 9 }).length, 0);
console.log(
  `first load: ${(bytes / 1000).toFixed(1)} kB compressed in ${files.length} files, of ${MOST_BYTES / 1000} kB at most`,
);
if (bytes > MOST_BYTES) process.exit(1);
