// The procedure from the first test to the way back, by clicking: as the operator, and as a tenant whose mail came.
import { ensure, open, picture, settled } from "./session.mjs";

/** Walks; returns what was seen on the way. */
export async function walk(browser, { edge, mails, tenant, from, to, pictures }) {
  const { page, wrongs, close } = await open(browser, edge);
  const seen = {};
  const keep = (name, whole = true) => picture(page, pictures, `walk-${name}`, whole);
  const row = (version) =>
    page.getByRole("row").filter({
      has: page.getByRole("rowheader", { name: version, exact: true }),
    });

  await page.goto("/");
  await settled(page);
  await page.getByRole("link", { name: /Shop/ }).first().click();
  await row(to).getByText("Registered").waitFor();

  await row(to)
    .getByRole("button", { name: /Register to Test/ })
    .click();
  await page.getByRole("dialog").getByRole("button", { name: "Register to Test" }).click();
  await page.getByRole("dialog").getByText("Shown here and never again").waitFor();
  await keep("registered", false);
  seen.secrets = [];
  for (const name of ["Tester token", "Client secret"]) {
    await page
      .getByRole("dialog")
      .getByRole("button", { name: `Copy: ${name}` })
      .click();
    const secret = await page.evaluate(() => navigator.clipboard.readText());
    ensure(secret.length > 20 && !seen.secrets.includes(secret), `${name}: it was not copied`);
    seen.secrets.push(secret);
  }
  await page.keyboard.press("Escape");
  ensure(await page.getByRole("dialog").isVisible(), "Escape threw away what is shown once");
  await page.getByRole("dialog").getByRole("button", { name: "I have copied it" }).click();
  const left = await page.content();
  ensure(!seen.secrets.some((secret) => left.includes(secret)), "a secret is still on the page");
  await row(to).getByText("In test").waitFor();

  await row(to)
    .getByRole("button", { name: /Confirm Update/ })
    .click();
  await page.getByRole("dialog").getByText("Begin the switch?").waitFor();
  await keep("preview", false);
  seen.preview = await page.getByRole("dialog").locator("dl").innerText();
  await page.getByRole("dialog").getByRole("button", { name: "No" }).click();
  ensure(!(await page.getByRole("dialog").isVisible()), "No does not close the question");
  await row(to)
    .getByRole("button", { name: /Confirm Update/ })
    .click();
  await page.getByRole("dialog").getByLabel("Reason").fill("The planner is asked for");
  await page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();

  await page.waitForURL("**/switches/**");
  await page.getByText(`Every user is on ${to}.`).waitFor();
  await page.getByRole("heading", { name: "Receipt" }).waitFor();
  await settled(page);
  seen.switch = new URL(page.url()).pathname;
  seen.steps = await page.locator(".steps .step-name").allInnerTexts();
  await keep("switched");
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download as JSON" }).click(),
  ]);
  seen.receipt = file.suggestedFilename();
  await file.saveAs(`${pictures}/${seen.receipt}`);

  // The inbox stays open while the tenant denies elsewhere: the event comes by itself.
  await page
    .getByRole("link", { name: /^Inbox/ })
    .first()
    .click();
  await page.getByRole("link", { name: /Events/ }).click();
  await settled(page);
  const before = await unread(page);
  await deny(browser, edge, await linkOf(mails, tenant));
  await page.getByRole("heading", { name: /has denied version/ }).waitFor();
  await page.waitForFunction(
    (count) => Number(document.querySelector(".side .nav a[href='/inbox'] .nav-count span")?.textContent ?? 0) > count,
    before,
  );
  seen.event = await page
    .getByRole("heading", { name: /has denied version/ })
    .first()
    .innerText();
  await keep("event");
  await page
    .getByRole("article")
    .filter({ hasText: "has denied version" })
    .first()
    .getByRole("button", { name: "Mark as read" })
    .click();
  await page.waitForFunction(
    (count) => Number(document.querySelector(".side .nav a[href='/inbox'] .nav-count span")?.textContent ?? 0) <= count,
    before,
  );

  await page.getByRole("link", { name: "My Applications" }).first().click();
  await page.getByRole("link", { name: /Shop/ }).first().click();
  await page
    .getByRole("navigation", { name: "Parts of this application" })
    .getByRole("link", { name: "Provisioning" })
    .click();
  const denied = page
    .getByRole("row")
    .filter({
      has: page.getByRole("rowheader", { name: new RegExp(`\\b${tenant}$`) }),
    })
    .filter({ hasText: "Denied" });
  await denied.waitFor();
  await keep("denied");

  await page
    .getByRole("navigation", { name: "Parts of this application" })
    .getByRole("link", { name: "Versions" })
    .click();
  await row(from)
    .getByRole("button", { name: /Confirm Reactivate/ })
    .click();
  await page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
  await page.getByText(`Every user is on ${from}.`).waitFor();
  await page.locator("a.crumb").click();
  await row(from).getByText("In use").waitFor();
  seen.back = true;
  ensure(wrongs.length === 0, wrongs.join("\n"));
  await close();
  return seen;
}

async function unread(page) {
  return Number(
    (await page
      .locator(".side .nav a[href='/inbox'] .nav-count span")
      .first()
      .textContent({ timeout: 2000 })
      .catch(() => "0")) ?? 0,
  );
}

/** Waits for the tenant's mail with a link to decide. */
async function linkOf(mails, tenant) {
  for (;;) {
    const answer = await fetch(`${mails}/api/email`);
    const found = (await answer.json()).filter((mail) => mail.to.some(({ address }) => address.includes(tenant)));
    const link = found
      .map((mail) => /https?:\/\/\S+\/consent\/[^\s>)]+/.exec(mail.text)?.[0])
      .filter((one) => one !== undefined)
      .at(-1);
    if (link !== undefined) return link;
    await new Promise((done) => setTimeout(done, 200));
  }
}

/** Denies as the tenant's contact does: opens the link, chooses, types the word, sends. */
async function deny(browser, edge, link) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(link);
  const word = await page.locator("#word b").innerText();
  await page.locator("input[value=deny]").click();
  // A form that was open for less than two seconds is no person's.
  await page.waitForTimeout(2500);
  await page.getByLabel("Short name").pressSequentially(word, { delay: 30 });
  await page.locator("button").first().click();
  await page.getByRole("heading", { name: /Your denial is/ }).waitFor();
  await context.close();
}
