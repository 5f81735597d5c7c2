// A real provider of OpenID Connect (npm's oidc-provider, certified) on the loopback, for the tests of the single sign-on.
//
//   node provider.mjs '{"client_id": …, "client_secret": …, "redirect_uri": …}'     prints its address when it answers
//
// POST /control changes what it does from now on: {"account": who signs in, "claims": what it vouches for,
// "lifetime": seconds of an id_token, "rotate": true for new keys, "decline": true for "the person said no"}.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";

console.warn = console.info = () => {};
const { default: Provider } = await import("oidc-provider");
const asked = JSON.parse(process.argv[2]);
const now = { account: "zhang-san", claims: {}, lifetime: 300, decline: false };
let generation = 0;
let issuer;
let provider;

function key() {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256", kid: `key-${++generation}` };
}

function begin() {
  provider = new Provider(issuer, {
    clients: [{
      client_id: asked.client_id, client_secret: asked.client_secret, redirect_uris: [asked.redirect_uri],
      post_logout_redirect_uris: [asked.back_to], id_token_signed_response_alg: "ES256",
    }],
    jwks: { keys: [key()] },
    cookies: { keys: ["only for tests"] },
    pkce: { required: () => true },
    conformIdTokenClaims: false,
    claims: { openid: ["sub"], profile: ["name", "credit_code"] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...now.claims }) }),
    ttl: { IdToken: () => now.lifetime, AccessToken: 300, AuthorizationCode: 60, Grant: 300, Interaction: 300, Session: 300 },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, one) => `/interaction/${one.uid}` },
  });
}

async function interact(request, response) {
  if (now.decline) {
    return provider.interactionFinished(request, response, { error: "access_denied" });
  }
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    return provider.interactionFinished(request, response, { login: { accountId: now.account } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope("openid profile");
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

async function control(request, response) {
  let body = "";
  for await (const part of request) body += part;
  const { rotate, ...changes } = JSON.parse(body);
  Object.assign(now, changes);
  if (rotate) begin();
  response.end("done");
}

const server = createServer((request, response) => {
  if (request.url === "/control") return control(request, response);
  if (request.url.startsWith("/interaction/")) return interact(request, response);
  return provider.callback()(request, response);
});
server.listen(0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  begin();
  process.stdout.write(`${issuer}\n`);
});
