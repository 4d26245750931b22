// Requests by version across a switch: counted before the page was opened, at all gateways, live, and told without
// colours. The catalog's counts are played, so that they are known to the last request.
import { play, readTrafficRequest, writeTraffic } from "./played.mjs";
import { ensure, faultsOf, open, picture, settled, SIZES } from "./session.mjs";

const METHOD = "switchover.catalog.v1.TrafficService/ListTraffic";
/** What is not here yet when it is asked for. */
const LATE_MS = 1500;
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;

/** Looks; returns how often it was asked. */
export async function traffic(browser, { edge, application, from, to, pictures }) {
  const { page, wrongs, close } = await open(browser, edge);
  const faults = [];
  const asked = [];
  const chart = page.getByRole("figure", { name: /^Requests by version/ });
  /** How the catalog answers, and since when the next version is in use. */
  const catalog = { refuses: undefined, keptSince: 0, commit: Number.POSITIVE_INFINITY };
  await play(page, METHOD, (bytes) => {
    const request = readTrafficRequest(bytes);
    asked.push(request);
    if (catalog.refuses !== undefined) return { status: catalog.refuses, message: "no" };
    return writeTraffic(counted(request, catalog, { from, to }));
  });

  // The last quarter of an hour, on the application's page.
  await page.goto(`/applications/${application}`);
  await settled(page);
  await chart.getByText(/of 2,?\d* failed|None of/).waitFor();
  ensure(asked.length > 0 && asked[0].to === undefined, "it does not go on to now");
  const minutes = (Date.now() - asked[0].from) / 60_000;
  ensure(minutes > 14 && minutes < 17, `the last ${minutes} minutes were asked for`);
  ensure((15 * 60_000) / asked[0].step <= 300, `steps of ${asked[0].step} ms`);
  await picture(page, pictures, "traffic-application");
  const before = asked.length;
  await until(() => asked.length > before, "it does not move");
  await chart.getByRole("button", { name: "Stop moving" }).click();
  const stopped = asked.length;
  await page.waitForTimeout(4500);
  ensure(asked.length <= stopped + 1, "it moves though it was stopped");
  await chart.getByRole("button", { name: "Go on moving" }).click();
  await until(() => asked.length > stopped + 1, "it does not go on");

  // A switch: what was before the page is there, and the next version's line begins where it was committed.
  await page.getByRole("button", { name: new RegExp(`^Confirm Update: ${to}`) }).click();
  await page.getByRole("dialog").getByText("Begin the switch?").waitFor();
  catalog.commit = Date.now() + 1000;
  await page.getByRole("dialog").getByRole("button", { name: "Yes" }).click();
  await page.waitForURL("**/switches/**");
  await page.getByText(`Every user is on ${to}.`).waitFor();
  await chart.getByText(/^Switched/).waitFor();
  await chart.getByText(/^Held from/).waitFor();
  await until(async () => (await chart.locator(".legend").innerText()).includes(to), `no line of ${to}`);
  const sentence = await chart.getByRole("img").getAttribute("aria-label");
  ensure(sentence.includes(`Version ${from}`) && sentence.includes("failed"), sentence);
  const own = asked.at(-1);
  ensure(own.step === 1000, `steps of ${own.step} ms`);
  ensure((await chart.locator(".failure-head").count()) > 1, "failures are not to be seen");
  await chart.getByText("As a table").click();
  const columns = await chart.getByRole("columnheader").allInnerTexts();
  ensure(columns.includes(`Version ${from}, failed`), `the table has ${columns}`);
  faults.push(...(await faultsOf(page, "traffic")));
  await picture(page, pictures, "traffic-switch");
  await chart.getByText("As a table").click();
  await chart.scrollIntoViewIfNeeded();

  for (const size of ["desktop", "phone"])
    for (const look of ["light", "dark"]) {
      await page.setViewportSize(SIZES[size]);
      await page.emulateMedia({ colorScheme: look });
      faults.push(...(await faultsOf(page, `traffic, ${size}, ${look}`)));
      await chart.screenshot({ path: `${pictures}/traffic-${size}-${look}.png`, animations: "disabled" });
    }
  await page.setViewportSize(SIZES.desktop);

  // Where nothing is kept, counted or to be seen, it is said.
  const says = async (words) => {
    await page.reload();
    await chart.getByText(words).waitFor();
  };
  catalog.keptSince = Date.now() + 3_600_000;
  await says(/^It is no longer kept: requests are kept from/);
  await picture(page, pictures, "traffic-gone", false);
  catalog.keptSince = catalog.commit;
  await says(/What was before .* is no longer kept\./);
  catalog.refuses = PERMISSION_DENIED;
  await says("Your role does not see requests over time.");
  catalog.refuses = UNIMPLEMENTED;
  await says("This installation does not count requests over time.");
  const quiet = asked.length;
  await page.waitForTimeout(4000);
  ensure(asked.length <= quiet + 2, "a service that counts nothing is asked all the time");

  ensure(faults.length === 0, faults.join("\n"));
  ensure(wrongs.length === 0, wrongs.join("\n"));
  await close();
  return { asked: asked.length };
}

/** About 40 requests a second, of which some fail right after the commit. */
function counted({ from, to, step }, { commit, keptSince }, versions) {
  const complete = Date.now() - LATE_MS;
  const points = [];
  for (let at = from; at + step <= Math.min(to ?? complete, complete); at += step) {
    if (at + step <= keptSince) continue;
    const wave = 40 + 12 * Math.sin(at / 9000) + 4 * Math.sin(at / 1700);
    const requests = Math.round((wave * step) / 1000);
    const next = at >= commit;
    const failed = next && at < commit + 3000 ? 2 : 0;
    points.push({ at, generation: next ? 2 : 1, version: next ? versions.to : versions.from, requests, failed });
  }
  return { points, complete, keptSince };
}

async function until(holds, what) {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    ensure(Date.now() < end, what);
    await new Promise((done) => setTimeout(done, 100));
  }
}
