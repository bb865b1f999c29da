// The company's IdP of the login run: oidc-provider with dynamic registration off, one confidential client, its own login and
// consent pages, refresh tokens that rotate, and groups in the ID token. Any password is right; who is in which group is below.
//
//   node idp.mjs --port 9000 --callback http://127.0.0.1:8080/oauth/callback --issued issued.jsonl [--host localhost]      (CLIENT_SECRET in the environment)
//
// Every token that it hands out is written into the file of `--issued`, so that the run can look where it must not be.
// POST /control/end?account=NAME ends all sessions of somebody, as an administrator would.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import Provider from 'oidc-provider';

const { values: options } = parseArgs({ options: Object.fromEntries(['host', 'port', 'callback', 'issued'].map((name) => [name, { type: 'string' }])) });
const port = Number(options.port);
// The last of alice's is named like a scope of ours, and so is what bob says of himself.
const PEOPLE = {
  alice: { name: 'Alice of Accounts', groups: ['staff', 'weather-writers', 'mcp:tools:read'] },
  bob: { name: 'Bob', groups: ['staff'], scope: 'mcp:tools:write', scp: ['mcp:tools:write'] },
  mallory: { name: 'Mallory', groups: [] },
};
const grants = new Map();
const jwk = (type, use, parameters) => ({ ...generateKeyPairSync(type, parameters).privateKey.export({ format: 'jwk' }), ...use, use: 'sig' });

const provider = new Provider(`http://${options.host ?? '127.0.0.1'}:${port}`, {
  clients: [{ client_id: 'portcullis', client_secret: process.env.CLIENT_SECRET, redirect_uris: [options.callback], grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'] }],
  jwks: { keys: [jwk('rsa', { alg: 'RS256', kid: 'idp' }, { modulusLength: 2048 })] },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  scopes: ['openid', 'offline_access', 'profile', 'groups'],
  claims: { openid: ['sub'], profile: ['name'], groups: ['groups', 'scope', 'scp'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  rotateRefreshToken: true,
  // OpenID Connect Core §11: for `offline_access`, which it drops without `prompt=consent`.
  issueRefreshToken: (_ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  ttl: { AccessToken: 600, IdToken: 600, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600 },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) }),
  features: { devInteractions: { enabled: true }, registration: { enabled: false } },
});

writeFileSync(options.issued, '');
provider.use(async (ctx, next) => {
  if (ctx.path === '/control/end') {
    const mine = grants.get(ctx.query.account) ?? new Set();
    for (const id of mine) {
      await provider.RefreshToken.revokeByGrantId(id);
      await (await provider.Grant.find(id))?.destroy();
    }
    ctx.body = { ended: mine.size };
    return;
  }
  await next();
  if (ctx.path !== '/token') return;
  const { access_token, refresh_token, id_token } = ctx.body ?? {};
  for (const token of [access_token, refresh_token, id_token].filter(Boolean)) appendFileSync(options.issued, `${JSON.stringify(token)}\n`);
  const grant = ctx.oidc?.entities?.Grant;
  if (grant) grants.set(grant.accountId, (grants.get(grant.accountId) ?? new Set()).add(grant.jti));
  console.log(JSON.stringify({ path: ctx.path, status: ctx.status, grant_type: ctx.oidc?.params?.grant_type, error: ctx.body?.error, auth: ctx.headers.authorization?.split(' ')[0] }));
});

const server = provider.listen(port, '127.0.0.1', () => console.log(JSON.stringify({ listening: port })));
process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeAllConnections(); });
