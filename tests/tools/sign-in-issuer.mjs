// A certified OpenID provider at which users of applications sign in. Arguments: its port, the gateways'
// edge, and the client's secret. Whoever types `anna.hall.clerk.editor` is the user anna of the tenant hall
// with two roles; every password is right.
import Provider from "oidc-provider";

const [port, edge, client_secret] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "shop",
      client_secret,
      response_types: ["code"],
      grant_types: ["authorization_code"],
      redirect_uris: [`${edge}/.switchover/callback`],
      post_logout_redirect_uris: [`${edge}/.switchover/signed-out`],
      backchannel_logout_uri: `${edge}/.switchover/backchannel-logout`,
      backchannel_logout_session_required: true,
    },
  ],
  claims: { openid: ["sub", "sid"], profile: ["tenant", "roles"] },
  // What scopes stand for is in the ID token, not only at the userinfo endpoint.
  conformIdTokenClaims: false,
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  findAccount: (_, accountId) => {
    const [, tenant, ...roles] = accountId.split(".");
    return { accountId, claims: () => ({ sub: accountId, tenant, roles }) };
  },
  cookies: { keys: ["of a test"] },
  // Its own refuses to call the loopback, where the gateways are.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
});
provider.on("backchannel.error", (_, error) => console.error(error));
provider.listen(Number(port), "127.0.0.1");
