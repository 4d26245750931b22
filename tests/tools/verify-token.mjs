// Checks the access token on standard input as an application's service does that was told where the
// keys are, who issues tokens and what it is itself; prints the claims.
import { readFileSync } from "node:fs";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [keys, issuer, audience] = process.argv.slice(2);
const token = readFileSync(0, "utf8").trim();
const rules = { issuer, audience, algorithms: ["ES256"], typ: "at+jwt" };
try {
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(keys)), rules);
  console.log(JSON.stringify(payload));
} catch (error) {
  console.error(error.code ?? error);
  process.exit(1);
}
