// Reads every page as everybody who has one, in light and dark, on a screen and on a phone, and each question that a
// page can ask: nothing may keep anybody out. Pictures of all are kept.
import { ensure, faultsOf, open, picture, settled } from "./session.mjs";

/** The pages, and what is opened on them: a button's name each, in English. */
const PAGES = {
  "operator-admin": (application, path) => [
    { name: "applications", path: "/", ask: ["Create application"] },
    {
      name: "versions",
      path: `/applications/${application}`,
      ask: ["Create version", /^Register to Test|^Confirm (Update|Reactivate)/, /^Change/, /^Delete/, /^Details/],
    },
    {
      name: "provisioning",
      path: `/applications/${application}/provisioning`,
      ask: ["Add to customer", "Add or remove many", /^Details/],
    },
    {
      name: "settings",
      path: `/applications/${application}/settings`,
      ask: [/^Issue a pair/, /^Rotate/, /^Revoke/],
    },
    { name: "history", path: `/applications/${application}/history` },
    ...(path === undefined ? [] : [{ name: "switch", path }]),
    { name: "tenants", path: "/tenants", ask: ["Create tenant", /^Uses/, /^Change/, /^Delete/] },
    { name: "inbox-applications", path: "/inbox" },
    { name: "inbox-subscriptions", path: "/inbox/subscriptions" },
    { name: "inbox-events", path: "/inbox/events" },
    { name: "inbox-archived", path: "/inbox/archived" },
    { name: "gateways", path: "/gateways", ask: [/^Drain/] },
    { name: "mails", path: "/mails", ask: [/^Details/] },
    { name: "audit", path: "/audit", ask: [/^Details/] },
    { name: "notices", path: "/notices" },
    { name: "nowhere", path: "/nowhere/at/all" },
  ],
  "operator-viewer": (application) => [
    {
      name: "viewer-versions",
      path: `/applications/${application}`,
      changes: false,
    },
    {
      name: "viewer-provisioning",
      path: `/applications/${application}/provisioning`,
      changes: false,
    },
    {
      name: "viewer-settings",
      path: `/applications/${application}/settings`,
      changes: false,
    },
    { name: "viewer-tenants", path: "/tenants", changes: false },
    { name: "viewer-gateways", path: "/gateways", changes: false },
  ],
  tester: () => [{ name: "tester", path: "/" }],
  "tenant-admin": (application, _path, version) => [
    { name: "tenant-applications", path: "/" },
    {
      name: "tenant-decision",
      path: `/applications/${application}/${version}`,
    },
    { name: "tenant-inbox", path: "/inbox/subscriptions" },
    { name: "tenant-notices", path: "/notices" },
  ],
};

/** Buttons that change something: nobody who may only look is shown one. */
const CHANGES =
  /^(Create|Register|Confirm|Cancel|Change|Delete|Add|Remove|Issue|Rotate|Revoke|Save|Drain|Resume|Evict|Ask again|New tester)/;

/** Reads; returns how many pages were read in how many ways. */
export async function read(browser, settings) {
  const {
    edge,
    application,
    version,
    tenant,
    pictures,
    looks = ["light", "dark"],
    sizes = ["desktop", "phone"],
    languages = ["en"],
  } = settings;
  const faults = [];
  let pages = 0;
  for (const language of languages)
    for (const look of looks)
      for (const size of sizes)
        for (const [role, pagesOf] of Object.entries(PAGES)) {
          const subject = role === "tenant-admin" ? `tenants/${tenant}` : "people/demo";
          const { page, wrongs, close } = await open(browser, edge, {
            look,
            size,
            language,
            role,
            subject,
          });
          for (const one of pagesOf(application, settings.switch, version)) {
            const where = `${one.name}-${look}-${size}-${language}`;
            await page.goto(one.path);
            await settled(page);
            pages += 1;
            faults.push(...(await faultsOf(page, where)), ...(await headings(page, where)));
            await picture(page, pictures, where);
            if (one.changes === false) faults.push(...(await changing(page, where)));
            if (language === "en" && asking(look, size))
              for (const ask of one.ask ?? []) faults.push(...(await asked(page, ask, where, pictures)));
          }
          faults.push(...wrongs);
          await close();
        }
  ensure(faults.length === 0, faults.join("\n"));
  return { pages };
}

/** Whether questions are read, too, so: each look and each size once, as each question takes a second. */
function asking(look, size) {
  return (look === "light") === (size === "phone");
}

/** Opens a question, reads it, and closes it again: the focus is where it was before. */
async function asked(page, name, where, pictures) {
  const button = page.getByRole("button", { name }).first();
  if ((await button.count()) === 0) return [`${where}: there is no button ${name}`];
  await button.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await page.waitForFunction(() => document.querySelector("dialog [aria-busy=true]") === null);
  const title = String(name).replace(/\W+/g, "-");
  const faults = await faultsOf(page, `${where}, ${name}`);
  await picture(page, pictures, `${where}-${title}`, false);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  const back = await page
    .waitForFunction((element) => element === document.activeElement, await button.elementHandle(), { timeout: 5000 })
    .catch(() => undefined);
  if (back === undefined) faults.push(`${where}, ${name}: the focus is not where it was`);
  return faults;
}

/** One heading of the first level, and a title that names the page. */
async function headings(page, where) {
  const first = await page.locator("h1").count();
  const [title, heading] = [await page.title(), await page.locator("h1").first().innerText()];
  const faults = first === 1 ? [] : [`${where}: ${first} headings of the first level`];
  if (!title.startsWith(heading.split("\n")[0].trim())) faults.push(`${where}: the title is ${title}`);
  return faults;
}

async function changing(page, where) {
  const names = await page.getByRole("button").allInnerTexts();
  return names.filter((name) => CHANGES.test(name)).map((name) => `${where}: who may only look is shown ${name}`);
}
