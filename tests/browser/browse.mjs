// Looks at the console with a browser: node browse.mjs BROWSER WHAT SETTINGS, SETTINGS a JSON object.
// WHAT is walk, read, keys, names, away, manage, enter,
// signin, traffic, operate or second. The last line tells what was seen, as JSON; the exit code
// is 1 if something was wrong, and standard error says what.
import { away } from "./away.mjs";
import { enter } from "./enter.mjs";
import { keys } from "./keys.mjs";
import { manage } from "./manage.mjs";
import { names } from "./names.mjs";
import { operate } from "./operate.mjs";
import { read } from "./read.mjs";
import { second } from "./second.mjs";
import { start } from "./session.mjs";
import { signin } from "./signin.mjs";
import { traffic } from "./traffic.mjs";
import { walk } from "./walk.mjs";

const WHATS = { walk, read, keys, names, away, manage, enter, second, signin, traffic, operate };

const [browserPath, what, settings] = process.argv.slice(2);
const act = WHATS[what];
if (act === undefined || settings === undefined) {
  console.error(`usage: node browse.mjs BROWSER ${Object.keys(WHATS).join("|")} SETTINGS`);
  process.exit(2);
}
const browser = await start(browserPath);
try {
  console.log(JSON.stringify(await act(browser, JSON.parse(settings))));
} catch (error) {
  console.error(error.stack);
  process.exitCode = 1;
} finally {
  await browser.close();
}
