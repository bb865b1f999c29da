// One of several windows of a client, with a TypeScript SDK: what window.py does.
//
//   node window.mjs --sdk 1|2 --url http://127.0.0.1:8080/mcp --store tokens.json --go FOLDER --name A --rounds 5
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setTimeout as wait } from 'node:timers/promises';

const { values: options } = parseArgs({
  options: Object.fromEntries(['sdk', 'url', 'store', 'go', 'name', 'rounds'].map((name) => [name, { type: 'string' }])),
});
const { auth } = options.sdk === '1' ? await import('@modelcontextprotocol/sdk/client/auth.js') : await import('@modelcontextprotocol/client');

const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'window', version: '1' } };
const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'list_stations', arguments: {}, _meta: meta } };

const read = () => JSON.parse(readFileSync(options.store, 'utf8'));
function put(path, value) {
  const made = `${path}.${process.pid}.${process.hrtime.bigint()}`;
  writeFileSync(made, JSON.stringify(value));
  renameSync(made, path);
}

// A window that was just opened: it knows what the file says, and nothing else.
class Provider {
  written = 0;

  redirectUrl = read().client.redirect_uris[0];

  clientMetadata = { client_name: 'window', redirect_uris: [this.redirectUrl], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    token_endpoint_auth_method: 'none' };

  clientInformation() { return read().client; }
  // The newer SDK writes the issuer beside it.
  saveClientInformation(client) {
    if (client.client_id !== read().client.client_id) throw new Error('the SDK registered again');
    put(options.store, { ...read(), client });
  }

  held = read().tokens;

  tokens() { return this.held; }
  saveTokens(tokens) { this.written += 1; this.held = tokens; put(options.store, { ...read(), tokens }); }
  codeVerifier() { return ''; }
  saveCodeVerifier() {}
  redirectToAuthorization() { throw new Error('the user is asked to sign in again'); }
  invalidateCredentials(scope) { this.dropped = scope; }
}

writeFileSync(`${options.go}/ready-${options.name}`, '');
for (let number = 0; number < Number(options.rounds); number += 1) {
  while (!existsSync(`${options.go}/go-${number}`)) await wait(1);
  const provider = new Provider();
  const began = provider.tokens().refresh_token;
  let told;
  try {
    const outcome = await auth(provider, { serverUrl: options.url });
    const token = provider.tokens().access_token;
    const answer = await fetch(options.url, { method: 'POST', body: JSON.stringify(call), headers: { authorization: `Bearer ${token}`,
      'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call',
      'mcp-name': 'list_stations' } });
    await answer.text();
    told = { outcome, status: answer.status, refreshed: provider.written > 0, began, refresh_token: provider.tokens().refresh_token };
  } catch (error) {
    told = { error: `${error.name}: ${error.message}`, dropped: provider.dropped };
  }
  put(`${options.go}/done-${number}-${options.name}`, told);
}
