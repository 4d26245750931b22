// People sign in to the console at an issuer that is not ours, by its own pages, and out again: who may do everything,
// who may only look, who decides for a tenant, and who may do nothing.
import { ensure, faultsOf, open, picture, settled } from "./session.mjs";

/** Buttons that change something: nobody who may only look is shown one. */
const CHANGES =
  /^(Create|Register|Confirm|Cancel|Change|Delete|Add|Remove|Issue|Rotate|Revoke|Save|Drain|Resume|Evict|Ask again|New tester)/;

/** Signs everybody in; returns who was there. */
export async function signin(browser, settings) {
  const faults = [];
  await everything(browser, settings, faults);
  await looking(browser, settings, faults);
  await deciding(browser, settings, faults);
  await nothing(browser, settings, faults);
  ensure(faults.length === 0, faults.join("\n"));
  return { people: 4 };
}

/** Opens the console for somebody who has to sign in. */
async function opened(browser, { edge, issuer }) {
  // The provider's own pages want letters from elsewhere.
  const opened = await open(browser, edge, { also: [new URL(issuer).host, "fonts.googleapis.com"] });
  await opened.page.route("https://fonts.googleapis.com/**", (route) => route.abort());
  return opened;
}

/** Goes to a page, signs in as somebody, and is back where that was asked for. */
async function entered(page, { issuer }, who, path) {
  await page.goto(path);
  await page.getByRole("link", { name: "Sign in" }).click();
  await signedIn(page, issuer, who);
  await page.waitForURL(`**${path}`);
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  await settled(page);
}

/** Does what the issuer's pages want. */
async function signedIn(page, issuer, who) {
  await page.waitForURL(`${issuer}/**`);
  await page.locator("input[name=login]").fill(who);
  await page.locator("input[name=password]").fill("any");
  await page.locator("button[type=submit]").click();
  await page.getByRole("button", { name: "Continue" }).click();
}

/** The operator's administrator: sees all, signs out, and is out everywhere; and in again where it was. */
async function everything(browser, settings, faults) {
  const { edge, application, pictures, issuer } = settings;
  const one = await opened(browser, settings);
  const { page } = one;
  await entered(page, settings, "olga", `/applications/${application}/settings`);
  await page.getByText("olga", { exact: true }).waitFor();
  ensure((await page.getByLabel("Act as …").count()) === 0, "a role can be chosen");
  const kept = (await page.context().cookies(edge)).filter(({ name }) => name.startsWith("__Host-"));
  ensure(kept.length > 0, "no session is kept");
  for (const { name, secure, httpOnly, sameSite } of kept)
    ensure(secure && httpOnly && sameSite === "Strict", `${name} is ${JSON.stringify({ secure, httpOnly, sameSite })}`);
  ensure(await page.evaluate(() => document.cookie === ""), "a script can read a cookie");
  for (const name of ["Tenants", "Inbox", "Gateways", "Mails", "Audit", "Notices", "My Applications"]) {
    await page
      .getByRole("navigation", { name: "Pages" })
      .getByRole("link", { name: new RegExp(`^${name}`) })
      .click();
    await settled(page);
    ensure((await page.getByRole("alert").count()) === 0, `${name}: ${await page.locator("main").innerText()}`);
  }
  await page.getByRole("button", { name: "Create application" }).waitFor();
  await picture(page, pictures, "signin-operator", false);

  // A copy of the cookies is as good as they are, until the person signs out.
  const copy = await opened(browser, settings);
  await copy.page.context().addCookies(kept);
  await copy.page.goto("/gateways");
  await copy.page.getByRole("heading", { name: "Gateways" }).waitFor();
  await settled(copy.page);

  await page.getByRole("link", { name: "Shop" }).first().click();
  await settled(page);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${issuer}/**`);
  await page.getByRole("button", { name: /Yes/ }).click();
  await page.waitForURL(`${edge}/`);
  await page.getByRole("link", { name: "Sign in" }).waitFor();
  faults.push(...(await faultsOf(page, "signed out")));
  await picture(page, pictures, "signin-out", false);
  for (let back = 0; back < 4; back += 1) {
    const moved = await page.goBack({ waitUntil: "commit" }).catch(() => null);
    if (moved === null && new URL(page.url()).origin !== edge) break;
    if (new URL(page.url()).origin !== edge) continue;
    await page.getByRole("link", { name: "Sign in" }).waitFor();
    const shown = await page.locator("body").innerText();
    ensure(!/Shop|Versions|Tenants|Gateways/.test(shown), `going back shows ${shown}`);
  }
  faults.push(...one.wrongs);
  await one.close();

  // Whoever had the copy open is told by the page itself, and comes back to it.
  await copy.page.getByRole("heading", { name: "Your session has ended" }).waitFor();
  ensure((await copy.page.getByText("gateway-0").count()) === 0, "what was shown is still there");
  faults.push(...(await faultsOf(copy.page, "session ended")));
  await picture(copy.page, pictures, "signin-ended", false);
  await copy.page.reload();
  await copy.page.getByRole("heading", { name: "Please sign in" }).waitFor();
  await copy.page.getByRole("link", { name: "Sign in" }).click();
  await signedIn(copy.page, issuer, "olga");
  await copy.page.waitForURL(`${edge}/gateways`);
  await copy.page.getByText("gateway-0").first().waitFor();
  faults.push(...copy.wrongs);
  await copy.close();
}

/** A viewer is shown no button that it may not press. */
async function looking(browser, settings, faults) {
  const { application, pictures } = settings;
  const { page, wrongs, close } = await opened(browser, settings);
  await entered(page, settings, "vera", `/applications/${application}`);
  await page.getByText("You can look at everything and change nothing.").waitFor();
  const pages = ["", "/provisioning", "/settings", "/history"].map((part) => `/applications/${application}${part}`);
  for (const path of [...pages, "/", "/tenants", "/gateways", "/mails", "/audit", "/notices"]) {
    await page.goto(path);
    await settled(page);
    const names = await page.locator("main").getByRole("button").allInnerTexts();
    for (const name of names.filter((name) => CHANGES.test(name))) faults.push(`${path}: a viewer is shown ${name}`);
    if (path.endsWith("/settings")) {
      faults.push(...(await faultsOf(page, "a viewer's settings")));
      await picture(page, pictures, "signin-viewer");
    }
  }
  faults.push(...wrongs);
  await close();
}

/** A tenant's administrator sees what the tenant has agreed to, and nothing of others. */
async function deciding(browser, settings, faults) {
  const { application, version, pictures } = settings;
  const { page, wrongs, close } = await opened(browser, settings);
  await entered(page, settings, "tom", "/");
  await page.getByRole("heading", { name: "My Applications" }).waitFor();
  await page.getByText("Consent in writing").waitFor();
  const places = await page.getByRole("navigation", { name: "Pages" }).getByRole("link").allInnerTexts();
  ensure(!places.some((name) => /Tenants|Gateways|Audit|Mails/.test(name)), `a tenant sees ${places}`);
  await picture(page, pictures, "signin-tenant", false);
  await page.getByRole("link", { name: `${application}, version ${version}`, exact: true }).click();
  await settled(page);
  await page.getByText(`Deny version ${version}`).waitFor();
  await page.goto("/tenants");
  await page.getByRole("heading", { name: "There is no such page" }).waitFor();
  faults.push(...wrongs);
  await close();
}

/** Who has no role is told so, and can leave. */
async function nothing(browser, settings, faults) {
  const { issuer, pictures } = settings;
  const { page, wrongs, close } = await opened(browser, settings);
  await page.goto("/inbox");
  await page.getByRole("link", { name: "Sign in" }).click();
  await signedIn(page, issuer, "eve");
  await page.getByRole("heading", { name: "You may do nothing here" }).waitFor();
  faults.push(...(await faultsOf(page, "no role")));
  await picture(page, pictures, "signin-nothing", false);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(`${issuer}/**`);
  faults.push(...wrongs);
  await close();
}
