// An authorization server whose access tokens are opaque for one resource and JWTs for another: oidc-provider with introspection,
// revocation and the grant of machines. It has two confidential clients: `machine`, and `gateway`, which only introspects.
//
//   node opaque.mjs --port 9000 --opaque http://127.0.0.1:8080/mcp      (MACHINE_SECRET and GATEWAY_SECRET in the environment)
//
// Prints one JSON line per request: path, status, and the client. Tokens and secrets are never printed.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';

import Provider from 'oidc-provider';

const { values: options } = parseArgs({ options: { port: { type: 'string' }, opaque: { type: 'string' } } });
const port = Number(options.port);
const jwk = (type, use, parameters) => ({ ...generateKeyPairSync(type, parameters).privateKey.export({ format: 'jwk' }), ...use, use: 'sig' });
const scopes = 'mcp:connect mcp:tools:read mcp:tools:write';
const secretOf = { machine: process.env.MACHINE_SECRET, gateway: process.env.GATEWAY_SECRET };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: Object.entries(secretOf).map(([client_id, client_secret]) => ({
    client_id, client_secret, redirect_uris: [], response_types: [], grant_types: client_id === 'machine' ? ['client_credentials'] : [],
  })),
  jwks: { keys: [jwk('rsa', { alg: 'RS256', kid: 'rs' }, { modulusLength: 2048 }), jwk('ec', { alg: 'ES256', kid: 'es' }, { namedCurve: 'P-256' })] },
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  scopes: scopes.split(' '),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: scopes, audience: resource, accessTokenTTL: 600,
        ...(resource === options.opaque ? { accessTokenFormat: 'opaque' } : { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }),
      }),
    },
  },
});

provider.use(async (ctx, next) => {
  await next();
  console.log(JSON.stringify({ path: ctx.path, status: ctx.status, client: ctx.oidc?.client?.clientId, active: ctx.body?.active }));
});

const server = provider.listen(port, '127.0.0.1', () => console.log(JSON.stringify({ listening: port })));
process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeAllConnections(); });
