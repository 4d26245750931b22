// What an operator does besides switching: gives an application to customers, one and many, asks again, takes it away;
// changes settings, pairs and gateways; puts events away; and a tenant's administrator decides in the console.
import { ensure, open, picture, settled } from "./session.mjs";

/** Manages; returns what was seen. */
export async function manage(browser, { edge, application, tenant, version, pictures }) {
  const { page, wrongs, close } = await open(browser, edge);
  const dialog = page.getByRole("dialog");
  const row = (text) => page.getByRole("row").filter({ hasText: text });
  const part = (name) =>
    page.getByRole("navigation", { name: "Parts of this application" }).getByRole("link", { name }).click();

  await page.goto(`/applications/${application}/provisioning`);
  await settled(page);
  await page.getByRole("button", { name: "Add to customer" }).click();
  await dialog.getByLabel("Tenant", { exact: true }).selectOption({ label: "New tenant …" });
  await dialog.getByLabel("Name of the tenant", { exact: true }).fill("Dora’s Dahlias");
  await dialog.getByLabel("Short name of the tenant", { exact: true }).fill("Dora");
  await dialog.getByLabel("Mail address of a contact").fill("dora@dora.example");
  await dialog.getByRole("button", { name: "Add" }).click();
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-invalid") === "true");
  await dialog.getByLabel("Short name of the tenant", { exact: true }).fill("dora");
  await dialog.getByRole("button", { name: "Add" }).click();
  await row("dora").getByText("Pending acceptance").waitFor();
  await row("dora")
    .getByRole("button", { name: /^Details/ })
    .click();
  await dialog.getByRole("button", { name: "Ask again" }).click();
  await dialog.getByRole("button", { name: "Ask again" }).click();
  await page.getByText("Asked again. The new link is on its way.").waitFor();
  await dialog.getByText("Asked again").first().waitFor();
  await picture(page, pictures, "manage-asked", false);
  await page.keyboard.press("Escape");

  // A list with a wrong line is sent not at all.
  await page.getByRole("button", { name: "Add or remove many" }).click();
  const list = dialog.getByLabel("The tenants");
  await list.fill("tenant,display_name,contacts,on_record\nemil,Emil,e@emil.example,letter of May\nFrieda,F,,\n");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await dialog.getByText(/Line 3 \(Frieda\)/).waitFor();
  await list.fill(
    "tenant,display_name,contacts,on_record\nemil,Emil,e@emil.example,letter of May\nfrieda,F,f@frieda.example,\n",
  );
  await dialog.getByRole("button", { name: "Send 2 tenants" }).click();
  await dialog.getByRole("heading", { name: "What became of each" }).waitFor();
  ensure((await dialog.getByText("Created and given").count()) === 2, "not both were created");
  await picture(page, pictures, "manage-many", false);
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await row("emil").getByText("Provisioned").waitFor();

  await page.getByRole("button", { name: "Add or remove many" }).click();
  await dialog.getByText("Remove from these customers").click();
  await dialog.getByLabel("The tenants").fill("emil");
  await dialog.getByRole("button", { name: "Send 1 tenant" }).click();
  await dialog.getByText("Taken away").waitFor();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await row("emil").getByText("Removed").waitFor();

  await part("Settings");
  await settled(page);
  await page.getByLabel("Time to finish").fill("soon");
  await page.getByRole("button", { name: "Save" }).first().click();
  await page.getByText("Please give a number.").waitFor();
  await page.getByLabel("Time to finish").fill("12,5");
  await page.getByRole("button", { name: "Save" }).first().click();
  await page.getByRole("status").filter({ hasText: "Saved" }).waitFor();
  await page.reload();
  await settled(page);
  ensure((await page.getByLabel("Time to finish").inputValue()) === "12.5", "the time was not kept");
  await page.getByLabel("Time to finish").fill("99999999");
  await page.getByRole("button", { name: "Save" }).first().click();
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-invalid") === "true");

  await page
    .getByRole("button", { name: /^Issue a pair/ })
    .first()
    .click();
  await dialog.getByRole("button", { name: "Issue a pair" }).click();
  await dialog.getByText("Client secret").waitFor();
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  await page
    .getByRole("button", { name: /^Rotate/ })
    .first()
    .click();
  await dialog.getByRole("button", { name: "Rotate" }).click();
  await dialog.getByText("Client secret").waitFor();
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  await page.getByText(/The secret before works until/).waitFor();
  await page
    .getByRole("button", { name: /^Revoke/ })
    .first()
    .click();
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await page.getByText("Revoked", { exact: true }).first().waitFor();
  await picture(page, pictures, "manage-settings");

  await page.getByRole("link", { name: "Tenants" }).click();
  await page.getByRole("button", { name: "Change: Dora’s Dahlias" }).click();
  await dialog.getByLabel("Contacts").fill("dora@dora.example\nno address");
  await dialog.getByLabel("People").fill("250");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.waitForFunction(() => document.activeElement?.getAttribute("aria-invalid") === "true");
  await dialog.getByLabel("Contacts").fill("dora@dora.example\ndeputy@dora.example");
  await dialog.getByRole("button", { name: "Save" }).click();
  await row("deputy@dora.example").getByText("250").waitFor();

  await page.getByRole("link", { name: "Gateways" }).click();
  await settled(page);
  await page
    .getByRole("button", { name: /^Drain/ })
    .first()
    .click();
  await dialog.getByRole("button", { name: "Drain" }).click();
  await page.getByText("Being drained").waitFor();
  await page
    .getByRole("button", { name: /^Resume/ })
    .first()
    .click();
  await dialog.getByRole("button", { name: "Resume" }).click();
  await page
    .getByRole("button", { name: /^Drain/ })
    .first()
    .waitFor();

  await page
    .getByRole("link", { name: /^Inbox/ })
    .first()
    .click();
  await settled(page);
  const first = page.getByRole("article").first();
  const title = (await first.getByRole("heading").innerText()).split("\n").at(-1);
  await first.getByRole("button", { name: "Archive" }).click();
  await page.getByRole("link", { name: "Archived" }).click();
  await page.getByRole("heading", { name: title }).first().waitFor();
  await page.getByRole("button", { name: "Move back" }).first().click();
  await page.getByText("Nothing here").waitFor();

  await decided(page, { application, tenant, version, pictures });
  ensure(wrongs.length === 0, wrongs.join("\n"));
  await close();
  return { managed: true };
}

/** As the tenant's administrator, by the menu: without the word nothing is decided. */
async function decided(page, { application, tenant, version, pictures }) {
  await page.getByLabel("Act as …").selectOption({ label: `Tenant admin of ${tenant}` });
  await page
    .getByRole("link", {
      name: `${application}, version ${version}`,
      exact: true,
    })
    .click();
  await settled(page);
  await page.getByText(`Deny version ${version}`).click();
  await page.getByRole("button", { name: "Send decision" }).click();
  await page.getByText(`Please type ${application}.`).waitFor();
  await page.getByLabel("Short name").fill(application.toUpperCase());
  await page.getByRole("button", { name: "Send decision" }).click();
  await page.getByText(/^Your denial is/).waitFor();
  await picture(page, pictures, "manage-denied");
  await page.getByText(`Accept version ${version}`).click();
  await page.getByLabel("Short name").fill(application);
  await page.getByRole("button", { name: "Send decision" }).click();
  await page.getByText(/^You have accepted/).waitFor();
  await page.getByLabel("Act as …").selectOption({ label: "Operator viewer" });
  await page.getByText("You can look at everything and change nothing.").waitFor();
  ensure((await page.getByRole("button", { name: "Create application" }).count()) === 0, "a viewer may create");
}
