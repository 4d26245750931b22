// What an operator once could do by the command line alone: rules of a watch, lease, overlap, tenants that stop a switch,
// sign-in of users, changing and deleting versions, applications and tenants, pairs with an end; and what happens when
// somebody else is faster.
import { play, writeRecovery } from "./played.mjs";
import { ensure, faultsOf, open, picture, settled, SIZES } from "./session.mjs";

/** A picture of one point. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPj/HwADBwIAMCbHYQAAAABJRU5ErkJggg==",
  "base64",
);

/** Operates; returns what was seen. */
export async function operate(browser, settings) {
  const { edge, application, upstream, pictures } = settings;
  const one = await open(browser, edge);
  const other = await open(browser, edge);
  const faults = [];
  const at = {
    page: one.page,
    other: other.page,
    dialog: one.page.getByRole("dialog"),
    row: (name) => one.page.getByRole("row").filter({ has: one.page.getByRole("rowheader", { name, exact: true }) }),
    keep: async (name, whole = false) => {
      faults.push(...(await faultsOf(one.page, name)));
      await picture(one.page, pictures, `operate-${name}`, whole);
    },
  };
  await policy(at, application);
  await pairs(at, application);
  await versions(at, application, upstream);
  await applications(at);
  await tenants(at);
  await recovery(at, application);
  ensure(faults.length === 0, faults.join("\n"));
  ensure(one.wrongs.length + other.wrongs.length === 0, [...one.wrongs, ...other.wrongs].join("\n"));
  await one.close();
  await other.close();
  return { operated: true };
}

/** The form of a page that has such a heading. */
function form(page, heading) {
  return page.locator("section").filter({ has: page.getByRole("heading", { name: heading, exact: true }) });
}

async function saved(page) {
  await page.getByRole("status").filter({ hasText: "Saved" }).waitFor();
}

async function policy({ page, other, keep }, application) {
  const path = `/applications/${application}/settings`;
  await page.goto(path);
  await settled(page);
  const how = form(page, "How it switches");
  const save = how.getByRole("button", { name: "Save" });
  await how.getByLabel("Switch back by itself").check();
  ensure((await how.getByLabel("Watch for").inputValue()) === "600", "a watch begins with nothing");
  await how.getByLabel("Watch for").fill("90");
  await how.getByLabel("Most failed requests of a thousand").fill("2.5");
  await how.getByLabel("Requests on both versions at once").selectOption({ label: "Never: cut those that do not end" });
  await how.getByLabel("Longest wait for the old requests").fill("90");
  await how.getByLabel("Tenants whose denial stops a switch").fill("anna\n\nNobody at all");
  await save.click();
  await how.getByText("Please give a whole number.").waitFor();
  await how.getByLabel("Most failed requests of a thousand").fill("25");
  await save.click();
  // What the service refuses is said where it was typed, and nothing that was typed is lost.
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-invalid") === "true");
  await how.getByText(/^Line 3: /).waitFor();
  ensure((await how.locator("[aria-invalid]").count()) === 2, "not both fields are marked");
  ensure((await how.getByLabel("Watch for").inputValue()) === "90", "what was typed is lost");
  await keep("policy-refused", true);
  await how.getByLabel("Longest wait for the old requests").fill("2,5");
  await how.getByLabel("Tenants whose denial stops a switch").fill("anna\nbert");
  await save.click();
  await saved(page);
  await page.reload();
  await settled(page);
  for (const [label, value] of [
    ["Watch for", "90"],
    ["Most failed requests of a thousand", "25"],
    ["From how many requests on", "20"],
    ["Failed health checks in a row", "3"],
    ["Longest wait for the old requests", "2.5"],
    ["Tenants whose denial stops a switch", "anna\nbert"],
  ])
    ensure((await how.getByLabel(label).inputValue()) === value, `${label} was not kept`);
  ensure(await how.getByLabel("A gateway that is not heard").isDisabled(), "the fleet mode is not fixed");
  await keep("policy", true);

  // Somebody else is faster: what changed is said, what was typed stays, and saving again is for what is there now.
  await how.getByLabel("Watch for").fill("120");
  await how.getByLabel("Longest hold").fill("3");
  await other.goto(path);
  await settled(other);
  const others = form(other, "How it switches");
  await others.getByLabel("Longest hold").fill("4");
  await others.getByLabel("Time to finish").fill("12");
  await others.getByRole("button", { name: "Save" }).click();
  await saved(other);
  await save.click();
  await how.getByText("It has changed meanwhile").waitFor();
  await how.getByText("Time to finish: it was 30 and is now 12.").waitFor();
  await how.getByText("Longest hold: it was 2 and is now 4. What you typed there is kept.").waitFor();
  ensure((await how.getByLabel("Time to finish").inputValue()) === "12", "the form does not follow");
  ensure((await how.getByLabel("Watch for").inputValue()) === "120", "what was typed is lost");
  await keep("policy-changed", true);
  await save.click();
  await saved(page);
  await page.reload();
  await settled(page);
  const kept = [];
  for (const label of ["Watch for", "Longest hold", "Time to finish"])
    kept.push(await how.getByLabel(label).inputValue());
  ensure(kept.join() === "120,3,12", `${kept} was kept`);
}

async function pairs({ page, dialog, keep }) {
  await page
    .getByRole("button", { name: /^Issue a pair/ })
    .first()
    .click();
  await dialog.getByLabel("Worthless from").fill("2001-01-01T12:00");
  await dialog.getByRole("button", { name: "Issue a pair" }).click();
  await dialog.locator(".wrong").waitFor();
  const year = new Date().getFullYear() + 1;
  await dialog.getByLabel("Worthless from").fill(`${year}-06-30T12:00`);
  await keep("pair");
  await dialog.getByRole("button", { name: "Issue a pair" }).click();
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  await page
    .getByText(new RegExp(`Worthless from .*${year}`))
    .first()
    .waitFor();
  await page
    .getByRole("button", { name: /^Rotate/ })
    .first()
    .click();
  await dialog.getByLabel("The secret before works for").fill("2");
  await dialog.getByRole("button", { name: "Rotate" }).click();
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  await page
    .getByText(/The secret before works until/)
    .first()
    .waitFor();
}

async function versions({ page, other, dialog, row, keep }, application, upstream) {
  await page.goto(`/applications/${application}`);
  await settled(page);
  await page.getByRole("button", { name: "Create version" }).click();
  await dialog.getByLabel("Version", { exact: true }).fill("3.0");
  await dialog.getByLabel("Address of the backend").fill(upstream);
  await dialog.getByLabel("Statuses that mean healthy").fill("fine");
  await dialog.getByLabel("Roles").fill("clerk = Takes orders\nchef");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText("Please give statuses such as 200-299, 401.").waitFor();
  await dialog.getByLabel("Statuses that mean healthy").fill("200-204, 401");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText(/^Line 2: /).waitFor();
  await keep("version-refused");
  await dialog.getByLabel("Roles").fill("clerk = Takes orders\nchef = Cooks");
  await dialog.getByRole("button", { name: "Create" }).click();
  await row("3.0").getByText("Registered").waitFor();

  const change = async (of, make) => {
    await of.getByRole("button", { name: "Change: 3.0" }).click();
    await of.getByRole("dialog").getByLabel("Roles").waitFor();
    await make(of.getByRole("dialog"));
  };
  await change(page, async (asked) => {
    ensure((await asked.getByLabel("Statuses that mean healthy").inputValue()) === "200-204, 401", "statuses are lost");
    await asked.getByLabel("Time for the health check").fill("1,5");
    await keep("version");
    await other.goto(`/applications/${application}`);
    await settled(other);
    await change(other, async (others) => {
      await others.getByLabel("Roles").fill("clerk = Takes orders\nchef = Cooks and bakes");
      await others.getByRole("button", { name: "Save" }).click();
      await others.waitFor({ state: "detached" });
    });
    await asked.getByRole("button", { name: "Save" }).click();
    await asked.getByText("Roles: it was", { exact: false }).waitFor();
    await keep("version-changed");
    await asked.getByRole("button", { name: "Save" }).click();
    await asked.waitFor({ state: "detached" });
  });
  await change(page, async (asked) => {
    ensure((await asked.getByLabel("Roles").inputValue()).includes("Cooks and bakes"), "the others' roles are lost");
    ensure((await asked.getByLabel("Time for the health check").inputValue()) === "1.5", "the time was not kept");
    await page.keyboard.press("Escape");
  });
  // In German, on a phone, in the dark.
  await page.getByLabel("Language").selectOption("de");
  await page.setViewportSize(SIZES.phone);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.getByRole("button", { name: "Ändern: 3.0" }).click();
  await dialog.getByLabel("Rollen").waitFor();
  await keep("version-phone-de");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Löschen: 3.0" }).click();
  await dialog.getByLabel("Geben Sie zur Bestätigung 3.0 ein").waitFor();
  await keep("delete-phone-de");
  await page.keyboard.press("Escape");
  await page.setViewportSize(SIZES.desktop);
  await page.emulateMedia({ colorScheme: "light" });
  await page.getByLabel("Sprache").selectOption("en");

  // Deleted by its name alone, and only what was shown.
  await page.getByRole("button", { name: "Delete: 3.0" }).focus();
  await page.keyboard.press("Enter");
  await dialog.getByLabel("To confirm, type 3.0").waitFor();
  await dialog.getByLabel("To confirm, type 3.0").fill("2.0");
  await page.keyboard.press("Enter");
  await dialog.getByText("Please type 3.0.").waitFor();
  await keep("delete");
  // What the other one shows is older than what was saved here.
  await other.reload();
  await settled(other);
  await change(other, async (others) => {
    await others.getByLabel("Roles").fill("clerk = Takes orders");
    await others.getByRole("button", { name: "Save" }).click();
    await others.waitFor({ state: "detached" });
  });
  await dialog.getByLabel("To confirm, type 3.0").fill("3.0");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await dialog.getByText("It has changed since this was shown.", { exact: false }).waitFor();
  ensure(!(await dialog.innerText()).includes("chef"), "what is shown is old");
  await keep("delete-changed");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await row("3.0").waitFor({ state: "detached" });
}

async function applications({ page, dialog, keep }) {
  await page.goto("/");
  await settled(page);
  await page.getByRole("button", { name: "Create application" }).click();
  await dialog.getByLabel("Name", { exact: true }).fill("Passing");
  await dialog.getByLabel("Short name").fill("passing");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "Passing" }).waitFor();
  await page
    .getByRole("navigation", { name: "Parts of this application" })
    .getByRole("link", { name: "Settings" })
    .click();
  await settled(page);

  const how = form(page, "How it switches");
  await how.getByLabel("A gateway that is not heard").selectOption({ label: "Is fenced once its lease has run out" });
  await how.getByLabel("Lease").fill("20");
  await how.getByRole("button", { name: "Save" }).click();
  await saved(page);
  ensure((await how.getByLabel("Lease").inputValue()) === "20", "the lease was not kept");

  const login = form(page, "Sign-in of users");
  await login.getByLabel("Users must sign in").check();
  await login.getByLabel("What paths need").fill("/health = public\n/admin");
  await login.getByRole("button", { name: "Save" }).click();
  await login.getByText("No rule: line 2.", { exact: false }).waitFor();
  await login.getByLabel("What paths need").fill("/health = public\npost /a/../b = signed-in");
  await login.getByRole("button", { name: "Save" }).click();
  await login.getByText(/^Line 2: /).waitFor();
  await login.getByLabel("What paths need").fill("/health = public\npost /orders = signed-in");
  await login.getByRole("button", { name: "Save" }).click();
  await login.getByText(/^Line 2: /).waitFor({ state: "detached" });

  const about = form(page, "About");
  await about.getByLabel("Picture", { exact: true }).setInputFiles({
    name: "letter.txt",
    mimeType: "text/plain",
    buffer: Buffer.from("no picture"),
  });
  await about.getByText("This is neither a PNG nor an SVG picture.").waitFor();
  await about
    .getByLabel("Picture", { exact: true })
    .setInputFiles({ name: "mark.png", mimeType: "image/png", buffer: PNG });
  await about.getByRole("button", { name: "Save" }).click();
  await page.locator("h1 img.app-icon").waitFor();
  await page.reload();
  await settled(page);
  ensure(
    (await login.getByLabel("What paths need").inputValue()).includes("POST /orders = signed-in"),
    "rules are lost",
  );
  ensure((await how.getByLabel("Lease").inputValue()) === "20", "the lease was not kept");
  await keep("application", true);
  await about.getByRole("button", { name: "Remove: Picture" }).click();
  await about.getByRole("button", { name: "Save" }).click();
  await page.locator("h1 img.app-icon").waitFor({ state: "detached" });

  await page.getByRole("button", { name: "Delete this application" }).click();
  await dialog.getByLabel("To confirm, type passing").fill("passing");
  await keep("application-delete");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("status").filter({ hasText: "“Passing” was deleted." }).waitFor();
  await page.getByRole("heading", { name: "My Applications" }).waitFor();
  await page.getByRole("link", { name: "Passing" }).waitFor({ state: "detached" });
}

async function tenants({ page, dialog, row, keep }) {
  await page.getByRole("link", { name: "Tenants" }).click();
  await settled(page);
  await page.getByRole("button", { name: "Create tenant" }).click();
  await dialog.getByLabel("Name of the tenant", { exact: true }).fill("Zoe’s Zoo");
  await dialog.getByLabel("Short name of the tenant", { exact: true }).fill("zoe");
  await dialog.getByLabel("Contacts").fill("z@zoe.example = Zoe\nnowhere");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText(/^Line 2: /).waitFor();
  await dialog.getByLabel("Contacts").fill("z@zoe.example = Zoe\ny@zoe.example");
  await dialog.getByRole("button", { name: "Create" }).click();
  const zoe = page.getByRole("row").filter({ hasText: "z@zoe.example" });
  await zoe.getByText("Zoe", { exact: true }).waitFor();
  await keep("tenants", true);
  await page
    .getByRole("button", { name: /^Delete: .*anna/i })
    .first()
    .click();
  await dialog.getByText("It still uses shop: take that away first.").waitFor();
  await keep("tenant-used");
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("button", { name: "Delete: Zoe’s Zoo" }).click();
  await dialog.getByLabel("To confirm, type zoe").fill("zoe");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await zoe.waitFor({ state: "detached" });
}

/** A catalog that was put back from a backup is played: what is adopted is chosen, and said why. */
async function recovery({ page, dialog, keep }, application) {
  let adopted;
  await play(page, "switchover.catalog.v1.FleetService/GetRecovery", () =>
    writeRecovery(
      adopted === undefined
        ? {
            message: "The database was put back from a backup.",
            application: `applications/${application}`,
            restored: { version: "1.0", generation: 1 },
            reported: { version: "2.0", generation: 2 },
            missing: "gateways/far-away",
          }
        : undefined,
    ),
  );
  await play(page, "switchover.catalog.v1.FleetService/AdoptRecovery", (bytes) => {
    adopted = bytes.toString();
    return new Uint8Array();
  });
  await page.goto("/gateways");
  await settled(page);
  await page.getByRole("button", { name: "Adopt what is known" }).click();
  await dialog.getByText("Not heard yet: far-away.", { exact: false }).waitFor();
  await dialog.getByText("Restored: 1.0, generation 1. Gateways report: 2.0, generation 2.").waitFor();
  await dialog.getByLabel(`Version of ${application} that is to be in use`).selectOption({ label: "1.0" });
  await dialog.getByLabel("Reason").fill("The backup is the truth");
  await keep("adopt");
  await dialog.getByRole("button", { name: "Adopt what is known" }).click();
  await dialog.waitFor({ state: "detached" });
  ensure(
    adopted.includes(`applications/${application}/versions/1.0`) && adopted.includes("The backup is the truth"),
    adopted,
  );
  await page.getByRole("button", { name: "Adopt what is known" }).waitFor({ state: "detached" });
}
