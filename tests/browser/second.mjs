// Two persons: what one confirms waits until another approves it, who is shown what it would do; and what one has
// proposed, that one cannot approve.
import { ensure, faultsOf, open, picture, settled } from "./session.mjs";

/** Proposes and approves; returns who did what. */
export async function second(browser, { edge, application, to, pictures }) {
  const one = await open(browser, edge, {
    role: "operator-admin",
    subject: "people/one",
  });
  const other = await open(browser, edge, {
    role: "operator-admin",
    subject: "people/other",
  });
  const faults = [];
  const confirm = async (page) => {
    await page.goto(`/applications/${application}`);
    await page.getByRole("button", { name: `Confirm Update: ${to}` }).click();
    await page.getByRole("dialog").getByText("Propose the switch?").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
    await page.getByRole("status").filter({ hasText: "Proposed. Another person has to approve it." }).waitFor();
    await page.getByText(`people/one proposes the update to ${to}.`).waitFor();
  };

  await one.page.goto(`/applications/${application}/settings`);
  await settled(one.page);
  await one.page.getByLabel("A second person approves what is confirmed").check();
  await one.page.getByRole("status").filter({ hasText: "Saved" }).waitFor();

  await confirm(one.page);
  faults.push(...(await faultsOf(one.page, "proposed")));
  await picture(one.page, pictures, "second-proposed");
  ensure((await one.page.getByRole("button", { name: "Approve" }).count()) === 0, "the proposer may approve");
  await one.page.getByRole("button", { name: "Withdraw" }).click();
  await one.page.getByRole("dialog").getByRole("button", { name: "Withdraw" }).click();
  await one.page.getByText(`people/one proposes the update to ${to}.`).waitFor({ state: "detached" });

  await confirm(one.page);
  await other.page.goto(`/applications/${application}`);
  await other.page.getByRole("button", { name: "Approve" }).click();
  await other.page.getByRole("dialog").getByText("Approve, and begin the switch?").waitFor();
  faults.push(...(await faultsOf(other.page, "approving")));
  await picture(other.page, pictures, "second-approving", false);
  await other.page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
  await other.page.waitForURL("**/switches/**");
  await other.page.getByText(`Every user is on ${to}.`).waitFor();
  const about = await other.page.locator("dl").first().innerText();
  ensure(about.includes("people/one") && about.includes("people/other"), about);

  // Turning it off needs the second person, too.
  await one.page.goto(`/applications/${application}/settings`);
  await settled(one.page);
  const box = one.page.getByLabel("A second person approves what is confirmed");
  await box.click();
  await one.page.getByText("people/one proposes that no second person is needed any more.").waitFor();
  ensure(await box.isChecked(), "one person has turned it off");
  await other.page.goto(`/applications/${application}`);
  await other.page.getByRole("button", { name: "Approve" }).click();
  await other.page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await other.page.getByText("people/one proposes that").waitFor({ state: "detached" });

  const wrongs = [...faults, ...one.wrongs, ...other.wrongs];
  ensure(wrongs.length === 0, wrongs.join("\n"));
  await one.close();
  await other.close();
  return { proposed: "people/one", approved: "people/other" };
}
