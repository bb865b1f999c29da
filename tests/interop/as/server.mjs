// The authorization server of the interop run: oidc-provider with dynamic registration, resource
// indicators and JWT access tokens. It consents to everything as one user, without a browser.
//
//   node server.mjs --port 9000 [--ttl 8]      --ttl: seconds an access token lives
//
// Prints one JSON line per request of the flow: what was asked (method, path, client, scope, resource,
// grant) and what came back. Codes, tokens and secrets are never printed.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';

import Provider from 'oidc-provider';
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js';

const { values: options } = parseArgs({ options: { port: { type: 'string' }, ttl: { type: 'string', default: '8' } } });
const port = Number(options.port);
const issuer = `http://127.0.0.1:${port}`;
const resourceScopes = ['mcp:connect', 'mcp:tools:read', 'mcp:tools:write', 'mcp:resources:read'];

const say = (line) => console.log(JSON.stringify({ at: new Date().toISOString(), ...line }));

// oidc-provider holds a client to the scope it registered with. MCP clients register with the scope of the
// first challenge and ask for more when they are challenged again, so every step-up would end in
// `invalid_scope`. A client that is kept without a scope may ask for any; the resource still bounds it.
class Store extends MemoryAdapter {
  upsert(id, payload, expiresIn) {
    if (this.model !== 'Client') return super.upsert(id, payload, expiresIn);
    const { scope, ...rest } = payload;
    return super.upsert(id, rest, expiresIn);
  }
}

const jwk = (type, use, parameters) => ({
  ...generateKeyPairSync(type, parameters).privateKey.export({ format: 'jwk' }), ...use, use: 'sig',
});

const provider = new Provider(issuer, {
  adapter: Store,
  jwks: {
    keys: [
      jwk('rsa', { alg: 'RS256', kid: 'interop-rs256' }, { modulusLength: 2048 }),
      jwk('ec', { alg: 'ES256', kid: 'interop-es256' }, { namedCurve: 'P-256' }),
    ],
  },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  scopes: ['openid', 'offline_access', ...resourceScopes],
  pkce: { required: () => true },
  rotateRefreshToken: true,
  // Not only for `offline_access`: clients of the 2025 protocol versions do not ask for it, and refresh all the same.
  issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
  ttl: { AccessToken: Number(options.ttl), RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600 },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: resourceScopes.join(' '),
        audience: resource,
        accessTokenTTL: Number(options.ttl),
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

async function consent(ctx) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(ctx.req, ctx.res);
  if (prompt.name === 'login') return { login: { accountId: 'alice' } };
  const grant = (grantId && await provider.Grant.find(grantId))
    || new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details;
  if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
  if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
  for (const [resource, scopes] of Object.entries(missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return { consent: { grantId: await grant.save() } };
}

provider.use(async (ctx, next) => {
  if (ctx.path.startsWith('/interaction/')) {
    ctx.respond = false;
    await provider.interactionFinished(ctx.req, ctx.res, await consent(ctx), { mergeWithLastSubmission: true });
    return;
  }
  await next();
  const asked = ctx.oidc?.params ?? {};
  const registered = ctx.path === '/reg' ? ctx.oidc?.body ?? {} : {};
  say({
    method: ctx.method,
    path: ctx.path,
    status: ctx.status,
    client: ctx.oidc?.client?.clientId,
    grant_type: asked.grant_type,
    scope: asked.scope ?? registered.scope,
    granted: ctx.path === '/token' ? ctx.body?.scope : undefined,
    refused: ctx.body?.error,
    why: ctx.body?.error_description,
    resource: asked.resource,
    prompt: asked.prompt,
    pkce: asked.code_challenge_method,
    client_name: registered.client_name,
  });
});

const server = provider.listen(port, '127.0.0.1', () => say({ listening: issuer }));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
