// Verifies a token against a JWKS with Node's own cryptography, and prints its claims.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const { token, jwks } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const [header, payload, signature] = token.split(".");
const decode = (part) => JSON.parse(Buffer.from(part, "base64url"));
const { alg, typ, kid } = decode(header);
const jwk = jwks.keys.find((key) => key.kid === kid);
if (alg !== "ES256" || typ !== "at+jwt" || !jwk) {
  console.error("no key for this token");
  process.exit(2);
}
const key = { key: createPublicKey({ format: "jwk", key: jwk }), dsaEncoding: "ieee-p1363" };
const good = verify("sha256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url"));
if (!good) {
  console.error("the signature is wrong");
  process.exit(3);
}
console.log(JSON.stringify(decode(payload)));
