// Everything that people may call something is called what would be a script if it were not shown as text (S45), then
// every page is looked at: no dialog opens, nothing runs, nothing is asked for elsewhere, and the text is there.
import { ensure, open, picture, settled } from "./session.mjs";

const MARK = "xssran";
const CANARY = "http://canary.invalid/";

/** Texts that break out of text, attributes, addresses, styles and templates; none is longer than 50 characters. */
export const STRINGS = [
  `<script>${MARK}()</script>`,
  `<img src=x onerror=${MARK}()>`,
  `<svg onload=${MARK}()>`,
  `"><script>${MARK}()</script>`,
  `'><img src=x onerror=${MARK}()>`,
  `" onmouseover=${MARK}() x="`,
  `' autofocus onfocus=${MARK}() '`,
  `javascript:${MARK}()`,
  `<a href=javascript:${MARK}()>x</a>`,
  `<iframe src=javascript:${MARK}()>`,
  `<body onload=${MARK}()>`,
  `<details open ontoggle=${MARK}()>`,
  `<video><source onerror=${MARK}()>`,
  `<math><a xlink:href=javascript:${MARK}()>`,
  `</textarea><script>${MARK}()</script>`,
  `</title><script>${MARK}()</script>`,
  `</style><script>${MARK}()</script>`,
  `<!--><img src=x onerror=${MARK}()>-->`,
  `<![CDATA[<img src=x onerror=${MARK}()>]]>`,
  `\${${MARK}()}`,
  `{{${MARK}()}}`,
  `{{constructor.constructor('${MARK}()')()}}`,
  `<%= ${MARK}() %>`,
  `#{${MARK}()}`,
  `<img src=${CANARY}a.png>`,
  `<link rel=stylesheet href=${CANARY}>`,
  `<style>@import '${CANARY}';</style>`,
  `<base href=${CANARY}>`,
  `<object data=${CANARY}>`,
  `<embed src=${CANARY}>`,
  `<form action=${CANARY}><input>`,
  `<meta http-equiv=refresh content=0;${CANARY}>`,
  `url(${CANARY}x)`,
  `<input autofocus onfocus=${MARK}()>`,
  `<select onfocus=${MARK}() autofocus>`,
  `<marquee onstart=${MARK}()>`,
  `&lt;script&gt;${MARK}()&lt;/script&gt;`,
  `\\u003cscript\\u003e${MARK}()`,
  `%3Cscript%3E${MARK}()%3C/script%3E`,
  `<x contenteditable onblur=${MARK}()>y`,
];

/** Names one application after each string, and looks at every page; returns how many strings were seen as text. */
export async function names(browser, { edge, upstream, pictures, application, tenant, version }) {
  const { page, wrongs, close } = await open(browser, edge);
  await page.exposeFunction(MARK, () => wrongs.push("a name was run as a script"));
  await page.goto("/");
  await settled(page);
  for (const [place, text] of STRINGS.entries()) {
    await named(page, `x${place}`, text);
    await seen(page, "h1", text);
  }
  await page.goto("/");
  await page.getByRole("link", { name: STRINGS[0], exact: true }).waitFor();
  const listed = await page.getByRole("rowheader").allInnerTexts();
  const missing = STRINGS.filter((text) => !listed.some((cell) => cell.includes(text)));
  ensure(missing.length === 0, `not in the list as they are: ${missing.join("\n")}`);
  await picture(page, pictures, "names-applications");

  await everywhere(page, upstream);
  for (const path of [
    "/",
    "/applications/x0",
    "/applications/x0/provisioning",
    "/applications/x0/settings",
    "/applications/x0/history",
    "/tenants",
    "/inbox",
    "/inbox/subscriptions",
    "/inbox/events",
    "/gateways",
    "/mails",
    "/notices",
    `/applications/${application}/provisioning`,
  ]) {
    await page.goto(path);
    await settled(page);
    await hovered(page);
  }
  await close();

  const theirs = await open(browser, edge, {
    role: "tenant-admin",
    subject: `tenants/${tenant}`,
  });
  await theirs.page.exposeFunction(MARK, () => wrongs.push("a name was run as a script"));
  for (const path of [
    "/",
    `/applications/${application}/${version}`,
    "/inbox/subscriptions",
    `/applications/${encodeURIComponent(STRINGS[1])}/${encodeURIComponent(STRINGS[3])}`,
  ]) {
    await theirs.page.goto(path);
    await settled(theirs.page);
    await hovered(theirs.page);
  }
  wrongs.push(...theirs.wrongs);
  await theirs.close();
  ensure(wrongs.length === 0, wrongs.join("\n"));
  return { strings: STRINGS.length };
}

/** Creates an application with a name. */
async function named(page, id, text) {
  await page.goto("/");
  await page.getByRole("button", { name: "Create application" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name", { exact: true }).fill(text.slice(0, 50));
  await dialog.getByLabel("Short name").fill(id);
  await dialog.getByLabel("What it is for").fill(`${text} ${STRINGS.join(" ")}`.slice(0, 500));
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.waitForURL(`**/applications/${id}`);
}

async function seen(page, selector, text) {
  const shown = page.locator(selector).first();
  await page.waitForFunction(
    ([where, wanted]) => document.querySelector(where)?.textContent?.includes(wanted),
    [selector, text.slice(0, 50)],
  );
  ensure(
    (await shown.locator("script, img, svg, iframe, object, embed, form, style, link, base").count()) === 0,
    `${text} became more than text`,
  );
}

/** Every other text that can be given: roles, scopes, reasons, tenants' names, consents, searches. */
async function everywhere(page, upstream) {
  const text = `${STRINGS[1]}${STRINGS[5]}${STRINGS[24]}`;
  await page.goto("/applications/x0");
  await page.getByRole("button", { name: "Create version" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Version").fill("1.0");
  await dialog.getByLabel("Address of the backend").fill(upstream);
  await dialog.getByLabel("Roles").fill(`clerk = ${text}`);
  await dialog.getByLabel(/acts for tenants|app credentials/).check();
  await dialog.getByLabel("Scopes").fill("<svg/onload=xssran()> javascript:xssran()");
  await dialog.getByRole("button", { name: "Create" }).click();
  const row = page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: "1.0", exact: true }) });
  await row.getByRole("button", { name: /Register to Test/ }).click();
  await dialog.getByLabel("Reason").fill(text);
  await dialog.getByRole("button", { name: "Register to Test" }).click();
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  await row.getByRole("button", { name: /Confirm Update/ }).click();
  await dialog.getByLabel("Reason").fill(text);
  await dialog.getByRole("button", { name: "Yes" }).click();
  await page.getByText("Every user is on 1.0.").waitFor();
  await settled(page);
  await hovered(page);
  await page.goto("/applications/x0/provisioning");
  await page.getByRole("button", { name: "Add to customer" }).click();
  await dialog.getByLabel("Tenant", { exact: true }).selectOption({ label: "New tenant …" });
  await dialog.getByLabel("Name of the tenant", { exact: true }).fill(STRINGS[1]);
  await dialog.getByLabel("Short name of the tenant", { exact: true }).fill("xss");
  await dialog.getByLabel("It is in writing").check();
  await dialog.getByLabel("Where it is written down").fill(text);
  await dialog.getByRole("button", { name: "Add" }).click();
  await page.getByRole("row").filter({ hasText: "Provisioned" }).first().waitFor();
  await page
    .getByRole("button", { name: /^Details/ })
    .first()
    .click();
  await dialog.getByText(STRINGS[24]).first().waitFor();
  await page.keyboard.press("Escape");
  await page.goto("/");
  await page.getByLabel("Find an application").fill(`${STRINGS[1]}?`);
  await page.getByText("No application matches").waitFor();
}

/** Touches everything with the pointer, for what waits for that. */
async function hovered(page) {
  for (const one of (await page.locator("h1, th, td, a, button").all()).slice(0, 12))
    await one.hover({ timeout: 2000, force: true }).catch(() => {});
}
