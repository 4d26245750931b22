// Pages of somebody else in a browser, which try to make a call at an edge: `node foreign.mjs BROWSER EDGE`.
// Tells as JSON which of them a call of our own page answers; those of others are to reach nothing.
import { createServer } from "node:http";
import { chromium } from "playwright-core";

const [browserPath, edge] = process.argv.slice(2);
const { port } = new URL(edge);
const REBOUND = `http://rebound.example:${port}`;
const method = "/switchover.catalog.v1.ApplicationService/CreateApplication";

// CreateApplicationRequest { application_id, application { display_name } } as one gRPC-web message.
const message = (id) => {
  const text = (tag, bytes) => [(tag << 3) | 2, bytes.length, ...bytes];
  const letters = [...Buffer.from(id)];
  const inner = [...text(1, letters)];
  const display = text(2, letters);
  const bytes = [...inner, ...text(2, display)];
  return [0, 0, 0, 0, bytes.length, ...bytes];
};

/** What a page can try, in the page. */
async function tries([place, id, bytes]) {
  const body = new Uint8Array(bytes);
  const grpc = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1" };
  const told = {};
  const fetched = async (name, init) => {
    try {
      const answer = await fetch(place, { method: "POST", body, ...init });
      told[name] = answer.type === "opaque" ? "opaque" : `${answer.status} ${answer.headers.get("grpc-status") ?? ""}`;
    } catch (error) {
      told[name] = "refused";
    }
  };
  await fetched("fetch", { headers: grpc });
  await fetched("fetch with cookies", { headers: grpc, credentials: "include" });
  await fetched("fetch as text", { mode: "no-cors", headers: { "content-type": "text/plain" } });
  await fetched("fetch without type", { mode: "no-cors" });
  await fetched("kept fetch", { mode: "no-cors", keepalive: true, headers: { "content-type": "text/plain" } });
  told["beacon"] = String(navigator.sendBeacon(place, new Blob([body], { type: "text/plain" })));
  try {
    told["typed beacon"] = String(navigator.sendBeacon(place, new Blob([body], { type: grpc["content-type"] })));
  } catch (error) {
    told["typed beacon"] = "refused";
  }
  for (const kind of ["text/plain", "multipart/form-data", "application/x-www-form-urlencoded"]) {
    const frame = Object.assign(document.createElement("iframe"), { name: `frame-${kind}` });
    const form = Object.assign(document.createElement("form"), { action: place, method: "post", enctype: kind, target: frame.name });
    form.append(Object.assign(document.createElement("input"), { name: "x", value: String.fromCharCode(...bytes) }));
    document.body.append(frame, form);
    const loaded = new Promise((up) => frame.addEventListener("load", up, { once: true }));
    form.submit();
    await loaded;
  }
  const image = new Image();
  const ended = new Promise((up) => (image.onload = image.onerror = up));
  image.src = place;
  await ended;
  return told;
}

const server = createServer((_, answer) => answer.end("<!doctype html><body>somebody else's page")).listen(0, "127.0.0.1");
await new Promise((up) => server.once("listening", up));
const browser = await chromium.launch({
  executablePath: browserPath,
  args: ["--no-sandbox", "--host-resolver-rules=MAP rebound.example 127.0.0.1"],
});
const told = {};
try {
  const elsewhere = `http://127.0.0.1:${server.address().port}/`;
  const page = await browser.newPage();
  // A name that leads to the edge: its page comes from the attacker, before the name is made to lead here.
  for (const own of [REBOUND, edge])
    await page.route(`${own}/page`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><body>a page" }));
  for (const [who, from, to] of [
    ["elsewhere", elsewhere, edge],
    ["rebound", `${REBOUND}/page`, REBOUND],
    ["rebound-to-edge", `${REBOUND}/page`, edge],
    ["own", `${edge}/page`, edge],
  ]) {
    await page.goto(from);
    told[who] = await page.evaluate(tries, [to + method, who, message(who)]);
  }
} finally {
  await browser.close();
  server.close();
}
console.log(JSON.stringify(told));
