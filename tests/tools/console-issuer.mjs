// A certified OpenID provider at which people sign in to the console, by its own pages. Arguments: its port,
// the edge, what access tokens are for, and its people as JSON: `{ id: [roles] }`. Every password is right. It is
// at `localhost`, the edge at an address: to a browser they are strangers to each other.
import Provider from "oidc-provider";

const [port, edge, audience, people] = process.argv.slice(2);
const roles = JSON.parse(people);
const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: "console",
      token_endpoint_auth_method: "none",
      response_types: ["code"],
      grant_types: ["authorization_code"],
      redirect_uris: [`${edge}/session/callback`],
      post_logout_redirect_uris: [`${edge}/`],
    },
  ],
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      getResourceServerInfo: () => ({
        scope: "",
        audience,
        accessTokenFormat: "jwt",
        accessTokenTTL: 900,
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  extraTokenClaims: (_, token) => ({ switchover_roles: roles[token.accountId] ?? [] }),
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  cookies: { keys: ["of a test"] },
});
provider.listen(Number(port), "127.0.0.1");
