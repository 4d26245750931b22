// A certified OpenID provider as the operator's issuer, with a key of its own for each start. Arguments:
// its port, the name of its key, and its people as JSON: `{ id: [roles] }`. Each of them has the secret
// `secret`, and gets access tokens for whatever resource it names.
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const [port, kid, people] = process.argv.slice(2);
const roles = JSON.parse(people);
const { privateKey } = await generateKeyPair("RS256", { extractable: true });
const key = { ...(await exportJWK(privateKey)), kid, alg: "RS256", use: "sig" };
const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys: [key] },
  clients: Object.keys(roles).map((client_id) => ({
    client_id,
    client_secret: "secret",
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
  })),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: (_, audience) => ({
        scope: "",
        audience,
        accessTokenFormat: "jwt",
        accessTokenTTL: 300,
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  ttl: { ClientCredentials: 300 },
  extraTokenClaims: (_, token) => ({ switchover_roles: roles[token.clientId] }),
});
provider.listen(Number(port), "127.0.0.1");
