// What comes to a consent page: scanners that drive a browser, and a person.
// node scanner.mjs BROWSER WHO URL [CHOICE]; tells on its last line, as JSON, how many forms it sent.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [browserPath, who, url, choice = "deny"] = process.argv.slice(2);
// Longer than the two seconds that a form must have been open: no scanner here fails by haste alone.
const PATIENCE = 2500;

const visitors = {
  // Loads the page, with its scripts if it had any, and stays for a while.
  async look(page) {
    await page.waitForTimeout(PATIENCE);
  },

  // Sends every form with every choice by script, past what the browser itself would check.
  async submit(page) {
    for (const value of ["accept", "deny"]) {
      await page.goto(url);
      await page.waitForTimeout(PATIENCE);
      const forms = await page.locator("form").count();
      for (let form = 0; form < forms; form += 1) {
        await sent(page, () =>
          page.evaluate(
            ([form, value]) => {
              const chosen = document.forms[form];
              for (const box of chosen.querySelectorAll("input[type=radio], input[type=checkbox]"))
                box.checked = box.type === "checkbox" || box.value === value;
              chosen.submit();
            },
            [form, value],
          ),
        );
      }
    }
  },

  // Clicks, as a hand does, on everything that can be clicked, each choice once before each button.
  async click(page) {
    for (const value of ["accept", "deny"]) {
      await page.goto(url);
      await page.waitForTimeout(PATIENCE);
      for (const target of await page.locator("a, label, input:not([type=hidden])").all())
        await target.click({ timeout: 2000 }).catch(() => {});
      await page.goto(url);
      await page.locator(`input[value=${value}]`).click();
      await page.waitForTimeout(PATIENCE);
      // A browser that insists on what a field requires is one that does as it is told.
      await page.evaluate(() => document.forms[0].setAttribute("novalidate", ""));
      await sent(page, () => page.locator("button").first().click());
    }
  },

  // Fills every field with what scanners fill in, then presses the button.
  async junk(page) {
    const title = await page.title();
    const heading = await page.locator("h1").innerText();
    const label = await page.locator("label[for=typed]").innerText();
    for (const words of ["test", "admin@example.com", "yes", "deny", "1", title, heading, label]) {
      for (const value of ["accept", "deny"]) {
        await page.goto(url);
        await page.locator(`input[value=${value}]`).click();
        await page.locator("input[type=text]").fill(words.slice(0, 100));
        await page.waitForTimeout(PATIENCE);
        await sent(page, () => page.locator("button").first().click());
      }
    }
  },

  // Reads what the page asks for, chooses, types it letter by letter, and presses the button.
  async person(page) {
    const word = await page.locator("#word b").innerText();
    await page.locator(`input[value=${choice}]`).click();
    await page.waitForTimeout(PATIENCE);
    await page.locator("#typed").pressSequentially(word, { delay: 30 });
    await sent(page, () => page.locator("button").first().click());
  },

  // Looks for what keeps people out, by the rules of WCAG 2.2 A and AA, on a phone and on a screen.
  async reader(page) {
    const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    const faults = [];
    for (const width of [320, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      // In a world of its own: the page's policy lets no script in, ours included.
      await page.evaluate(axe);
      const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
      const found = await page.evaluate((values) => axe.run({ runOnly: { type: "tag", values } }), tags);
      faults.push(...found.violations.map(({ id, nodes }) => `${width}: ${id}: ${nodes[0].html}`));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      if (wide > width) faults.push(`${width}: the page is ${wide} wide`);
    }
    return { faults };
  },
};

let posted = 0;

// A form is sent when the page that answers it is there.
async function sent(page, act) {
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), act()]);
}

const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
try {
  const scripts = who !== "look-without-scripts";
  const page = await browser.newPage({ javaScriptEnabled: scripts });
  page.setDefaultTimeout(30_000);
  page.on("request", (request) => (posted += request.method() === "POST" ? 1 : 0));
  await page.goto(url);
  const told = await visitors[scripts ? who : "look"](page);
  console.log(JSON.stringify({ posted, heading: await page.locator("h1").innerText(), ...told }));
} finally {
  await browser.close();
}
