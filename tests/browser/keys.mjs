// Everything by the keyboard alone, from nothing to an application in use: no click is made, and what has the focus
// is to be seen at every step.
import { ensure, open, picture, settled } from "./session.mjs";

const STEPS_MAX = 150;

/** Types and tabs; returns how many times the focus moved. */
export async function keys(browser, { edge, upstream, pictures }) {
  const { page, wrongs, close } = await open(browser, edge);
  const hands = new Hands(page);
  await page.goto("/");
  await settled(page);

  // First of all there is a way past the pages' names.
  await page.keyboard.press("Tab");
  await hands.sees();
  ensure((await hands.name()) === "Skip to content", `the first stop is ${await hands.name()}`);
  await page.keyboard.press("Enter");
  ensure((await page.evaluate(() => document.activeElement?.id)) === "content", "the skip link leads nowhere");

  await hands.press("Create application");
  await page.getByRole("dialog").waitFor();
  await hands.write("Name", "By keyboard");
  // What is wrong is told at the field, and the focus is there.
  await hands.write("Short name", "KEYS!");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-invalid") === "true");
  ensure((await hands.name()) === "Short name", "the focus is not at the field that is wrong");
  ensure((await hands.described()).length > 10, "nobody is told what is wrong with the field");
  await picture(page, pictures, "keys-wrong", false);
  await page.keyboard.press("Control+A");
  await page.keyboard.type("keys");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/applications/keys");
  await page.waitForFunction(() => document.activeElement?.tagName === "H1");

  await hands.press("Create version");
  await hands.write("Version", "1.0");
  await hands.write("Address of the backend", upstream);
  await hands.write("Roles", "clerk = Takes orders");
  await hands.press("Create");
  await page.getByRole("row").filter({ hasText: "Registered" }).waitFor();

  await hands.press("Register to Test: 1.0");
  await page.getByRole("dialog").waitFor();
  await hands.press("Register to Test", true);
  await page.getByText("Shown here and never again").waitFor();
  await hands.press("I have copied it");
  await page.getByRole("row").filter({ hasText: "In test" }).waitFor();

  await hands.press("Confirm Update: 1.0");
  await page.getByText("Begin the switch?").waitFor();
  // The focus stays within the question however often it moves on.
  for (let step = 0; step < 12; step += 1) {
    await page.keyboard.press("Tab");
    const inside = await page.evaluate(
      () =>
        document.activeElement === document.body || document.querySelector("dialog")?.contains(document.activeElement),
    );
    ensure(inside, "the focus left the question");
  }
  await hands.press("Yes");
  await page.getByText("Every user is on 1.0.").waitFor();
  ensure(
    await page.evaluate(() => document.activeElement?.tagName === "H1"),
    "the focus is not at the new page's heading",
  );

  await hands.press(/^Inbox/);
  await page.waitForURL("**/inbox");
  await settled(page);
  await hands.press("Mark as read");
  await page.getByRole("button", { name: "Mark as unread" }).first().waitFor();
  ensure(wrongs.length === 0, wrongs.join("\n"));
  await close();
  return { steps: hands.steps };
}

/** Hands that have a keyboard and nothing else. */
class Hands {
  steps = 0;

  constructor(page) {
    this.page = page;
  }

  /** Moves on to what has this name, and sets it off. */
  async press(name, again = false) {
    await this.reach(name, again);
    await this.page.keyboard.press("Enter");
  }

  async write(name, text) {
    await this.reach(name);
    await this.page.keyboard.type(text);
  }

  async reach(name, again = false) {
    if (again) await this.page.keyboard.press("Tab");
    const met = [];
    for (let step = 0; step < STEPS_MAX; step += 1) {
      const here = await this.name();
      if (typeof name === "string" ? here === name : name.test(here)) return;
      met.push(here);
      await this.page.keyboard.press("Tab");
      this.steps += 1;
      await this.sees();
    }
    ensure(false, `the keyboard does not lead to ${name}; it leads to ${[...new Set(met)].join(", ")}`);
  }

  /** What has the focus is within the screen, and drawn so. */
  async sees() {
    const seen = await this.page.evaluate(() => {
      const at = document.activeElement;
      // Behind the last stop is the browser's own; then nothing of the page has the focus.
      if (at === null || at === document.body || !document.hasFocus()) return "";
      // A heading that a page or a question begins with is read out; nothing can be done with it.
      if (at.tabIndex < 0) return "";
      const { outlineStyle, outlineWidth } = getComputedStyle(at);
      const box = at.getBoundingClientRect();
      if (outlineStyle === "none" || parseFloat(outlineWidth) < 2)
        return `${at.outerHTML.slice(0, 120)} has the focus and does not show it`;
      const within = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
      return within ? "" : `${at.outerHTML.slice(0, 120)} has the focus and is not on the screen`;
    });
    ensure(seen === "", seen);
  }

  /** What is said of what has the focus. */
  name() {
    return this.page.evaluate(() => {
      const at = document.activeElement;
      if (at === null || at === document.body) return "";
      const label = at.getAttribute("aria-label") ?? ("labels" in at && at.labels?.[0]?.textContent) ?? "";
      return (label || at.textContent || "").trim();
    });
  }

  described() {
    return this.page.evaluate(() => {
      const ids = document.activeElement?.getAttribute("aria-describedby")?.split(" ") ?? [];
      return ids.map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
    });
  }
}
