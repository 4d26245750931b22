// Nobody answers for a while: what was shown stays, that is said, and what has happened meanwhile is shown once somebody
// does again, without a reload.
import { ensure, open, picture, settled } from "./session.mjs";

/** Cuts the page off and joins it again; returns what was said. */
export async function away(browser, { edge, pictures }) {
  const { page, wrongs, close } = await open(browser, edge);
  await page.goto("/");
  await settled(page);
  const rows = await page.getByRole("row").count();
  ensure(rows > 1, "there is nothing to keep");
  let loads = 0;
  page.on("load", () => (loads += 1));

  await page.context().setOffline(true);
  const banner = page.getByText(/^Offline since/);
  await banner.waitFor();
  ensure((await page.getByRole("row").count()) === rows, "what was shown is gone");
  ensure((await page.getByRole("alert").count()) === 0, "it is said more than once");
  await picture(page, pictures, "away", false);
  // One may go on looking at what was seen before.
  await page.getByRole("link", { name: /Shop/ }).first().click();
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.getByRole("link", { name: "My Applications" }).first().click();
  await page.getByRole("row").nth(1).waitFor();
  // What is set off now says that it did not arrive.
  await page.getByRole("button", { name: "Create application" }).click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("Never");
  await page.getByRole("dialog").getByLabel("Short name").fill("never");
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await page.getByRole("dialog").getByText("The service cannot be reached").waitFor();
  await page.keyboard.press("Escape");

  const other = await open(browser, edge);
  await other.page.goto("/");
  await settled(other.page);
  await other.page.getByRole("button", { name: "Create application" }).click();
  await other.page.getByRole("dialog").getByLabel("Name", { exact: true }).fill("Made meanwhile");
  await other.page.getByRole("dialog").getByLabel("Short name").fill("meanwhile");
  await other.page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  await other.page.waitForURL("**/applications/meanwhile");
  await other.close();

  await page.context().setOffline(false);
  await page.getByRole("link", { name: "Made meanwhile" }).waitFor();
  await banner.waitFor({ state: "detached" });
  ensure(loads === 0, "the page was loaded anew");
  ensure(wrongs.length === 0, wrongs.join("\n"));
  await close();
  return { kept: rows - 1 };
}
