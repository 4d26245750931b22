// A browser to look at the console with: nothing that it loads may come from elsewhere, and no fault of a
// page goes unheard.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(new URL("../tools/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Long: the machine may be slow. */
const PATIENCE_MS = 60_000;
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const SIZES = {
  desktop: { width: 1280, height: 900 },
  phone: { width: 360, height: 780 },
  wide: { width: 1720, height: 1000 },
};

/** What is wrong, in words; the process ends with it. */
export class Wrong extends Error {}

export function ensure(holds, what) {
  if (!holds) throw new Wrong(what);
}

/** Starts the browser. */
export function start(browserPath) {
  return chromium.launch({ executablePath: browserPath, args: FLAGS });
}

/**
 * Opens a page as somebody: `{ look, size, language, role, subject }`; it may also call the hosts `also`. Returns the page and what was wrong with it
 * so far: faults of scripts, refusals by its policy, dialogs, requests elsewhere.
 */
export async function open(browser, edge, who = {}) {
  const { look = "light", size = "desktop", language = "en", role, subject, also = [] } = who;
  const context = await browser.newContext({
    colorScheme: look,
    viewport: SIZES[size],
    locale: language === "de" ? "de-DE" : "en-GB",
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
    baseURL: edge,
  });
  const wrongs = [];
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on("pageerror", (error) => wrongs.push(`a script failed: ${error.message}`));
  page.on("dialog", (dialog) => {
    wrongs.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) wrongs.push(`the policy refused: ${message.text()}`);
  });
  const homes = new Set([new URL(edge).host, ...also]);
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (/^(https?|wss?):$/.test(url.protocol) && !homes.has(url.host) && !page.mayLeave)
      wrongs.push(`a request elsewhere: ${url}`);
  });
  if (role !== undefined)
    await page.addInitScript(
      ([as, whose]) => sessionStorage.setItem("switchover-act-as", JSON.stringify({ role: as, subject: whose })),
      [role, subject ?? "people/demo"],
    );
  return { page, wrongs, close: () => context.close() };
}

/** Waits until nothing on the page is being asked for. */
export async function settled(page) {
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null);
}

/** Keeps a picture of the page in a folder. */
export async function picture(page, folder, name, fullPage = true) {
  mkdirSync(folder, { recursive: true });
  await page.screenshot({
    path: join(folder, `${name}.png`),
    fullPage,
    animations: "disabled",
  });
}

/** Looks for what keeps people out, by the rules of WCAG 2.2 A and AA; and for pages wider than the screen. */
export async function faultsOf(page, where) {
  // In a world of its own: the page's policy lets no script in, ours included.
  await page.evaluate(axe);
  const found = await page.evaluate((values) => globalThis.axe.run({ runOnly: { type: "tag", values } }), RULES);
  const faults = found.violations.map(({ id, help, nodes }) => `${where}: ${id} (${help}): ${nodes[0].html}`);
  const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  if (wide > width) faults.push(`${where}: the page is ${wide} wide on a screen of ${width}`);
  return faults;
}
