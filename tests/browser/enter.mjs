// Who is not signed in is led to where that is done and back; who is says so by the session alone, never by a role of
// its own; and a session that ends is noticed. The edge's session is played here: an issuer is not needed for that.
import { ensure, faultsOf, open, picture } from "./session.mjs";

/** Enters; returns how many calls were made in the session. */
export async function enter(browser, { edge, application, pictures }) {
  const { page, wrongs, close } = await open(browser, edge);
  let session = {
    signed_in: false,
    subject: "",
    role: "",
    csrf: "",
    login_url: "/session/login",
    development: false,
  };
  await page.route("**/session", (route) => route.fulfill({ json: session }));
  const outs = [];
  await page.route("**/session/logout", (route) => {
    outs.push(route.request());
    return route.fulfill({ json: { signed_out: true, location: "" } });
  });
  const calls = [];
  page.on("request", (request) => {
    if (request.url().includes("/switchover.")) calls.push(request);
  });
  const faults = [];

  await page.goto(`/applications/${application}/settings`);
  const link = page.getByRole("link", { name: "Sign in" });
  await link.waitFor();
  const leads = await link.getAttribute("href");
  ensure(leads === `/session/login?return_to=${encodeURIComponent(`/applications/${application}/settings`)}`, leads);
  ensure(calls.length === 0, "a stranger's page calls services");
  faults.push(...(await faultsOf(page, "sign in")));
  await picture(page, pictures, "enter-stranger");

  session = {
    ...session,
    csrf: "c1",
    message: "Your account has no role here.",
  };
  await page.reload();
  await page.getByText("Your account has no role here.").waitFor();
  faults.push(...(await faultsOf(page, "no role")));

  session = { ...session, login_url: "", csrf: "", message: "" };
  await page.reload();
  await page.getByRole("heading", { name: "There is no sign-in here" }).waitFor();

  session = {
    signed_in: true,
    subject: "people/vera",
    role: "operator-viewer",
    csrf: "c2",
    login_url: "/session/login",
    development: false,
  };
  await page.reload();
  await page.getByText("You can look at everything and change nothing.").waitFor();
  await page.waitForFunction(() => document.querySelector("h2") !== null);
  ensure((await page.getByLabel("Act as …").count()) === 0, "a role can be chosen");
  ensure(calls.length > 0, "nothing was called");
  for (const call of calls) {
    const headers = call.headers();
    ensure(headers["x-switchover-csrf"] === "c2", `${call.url()} does not say that it is this page's`);
    ensure(headers["x-grpc-web"] === "1", `${call.url()} could be a form's`);
    ensure(headers["x-switchover-role"] === undefined, `${call.url()} says a role`);
  }
  const made = calls.length;
  await page.getByRole("button", { name: "Sign out" }).scrollIntoViewIfNeeded();
  session = { ...session, signed_in: false };
  await page.getByRole("button", { name: "Sign out" }).click();
  await link.waitFor();
  ensure(
    outs.length === 1 && outs[0].headers()["x-switchover-csrf"] === "c2",
    "the session was not ended by this page",
  );
  ensure(faults.length === 0, faults.join("\n"));
  ensure(wrongs.length === 0, wrongs.join("\n"));
  await close();
  return { calls: made };
}
