// Logs in with a TypeScript SDK, steps up, refreshes and revokes, and writes down what happened: the story of flow.py.
//
//   node flow.mjs --sdk 1|2 --url http://127.0.0.1:8080/mcp --report out.json --jar jar.json --name NAME --account alice
//     --calls '[["list_stations", {}], ["delete_station", {"id": "north"}]]' --python python3 --person person.py
//
// With --public '["file:///pub/a", "greet"]' it is the other story of flow.py: no login before a call needs it.
// It judges nothing. The SDK's OAuthClientProvider does discovery, registration, PKCE, tokens and refresh; the person at the
// browser is person.py, PASSWORD comes from the environment. Both SDKs end a login half-way with UnauthorizedError when they
// have sent the user away; the application calls finishAuth with the code and does the thing again.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs, promisify } from 'node:util';

const { values: options } = parseArgs({
  options: Object.fromEntries(['sdk', 'url', 'report', 'jar', 'name', 'account', 'calls', 'public', 'python', 'person'].map((name) => [name, { type: 'string' }])),
});
const { url } = options;
const [plain, more] = JSON.parse(options.calls);
const old = options.sdk === '1';
const require = createRequire(import.meta.url);
const { Client, StreamableHTTPClientTransport, UnauthorizedError, auth } = old
  ? { ...await import('@modelcontextprotocol/sdk/client/index.js'), ...await import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
      ...await import('@modelcontextprotocol/sdk/client/auth.js') }
  : await import('@modelcontextprotocol/client');

const REDIRECT = 'http://127.0.0.1:33418/callback'; // nothing listens there: the person stops in front of it
const run = promisify(execFile);
const steps = [];
let current;

async function step(name, work) {
  current = { name, exchanges: [], pages: [] };
  steps.push(current);
  const mine = current;
  try {
    await work(mine);
  } catch (error) {
    mine.error = `${error.name}: ${error.message}`;
    throw error;
  } finally {
    mine.scope = provider.held?.scope ?? null;
  }
}

// Every exchange, without what is secret in it.
async function recorded(input, init = {}) {
  const entry = { method: init.method ?? 'GET', url: String(input).split('?')[0], status: null,
    bearer: new Headers(init.headers).has('authorization'), session: new Headers(init.headers).get('mcp-session-id') };
  const body = init.body && String(init.body);
  if (body && new Headers(init.headers).get('content-type')?.startsWith('application/json')) {
    const { jsonrpc, method, params } = JSON.parse(body);
    entry.rpc = jsonrpc ? [method, params?.name].filter(Boolean).join(' ') : null;
  } else if (body) {
    const form = new URLSearchParams(body);
    Object.assign(entry, { grant_type: form.get('grant_type'), resource: form.get('resource'), pkce: form.has('code_verifier') });
  }
  current.exchanges.push(entry);
  const answer = await fetch(input, init);
  Object.assign(entry, { status: answer.status, challenge: answer.headers.get('www-authenticate') });
  return answer;
}

class Provider {
  redirectUrl = REDIRECT;

  clientMetadata = { client_name: options.name, redirect_uris: [REDIRECT], grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'], token_endpoint_auth_method: 'none' };

  state() { this.sent ??= randomUUID(); return this.sent; }
  clientInformation() { return this.client; }
  saveClientInformation(client) { this.client = client; }
  tokens() { return this.held; }
  saveTokens(tokens) { this.held = tokens; }
  codeVerifier() { return this.verifier; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  discoveryState() { return this.discovery; }
  saveDiscoveryState(discovery) { this.discovery = discovery; }
  // Told invalid_grant, an SDK drops the tokens and authorizes: only so does 1.x ever ask for more scope.
  invalidateCredentials(what) { if (what === 'all' || what === 'tokens') this.held = undefined; }

  async redirectToAuthorization(to) {
    const query = new URL(to).searchParams;
    const asked = Object.fromEntries(['scope', 'resource', 'code_challenge_method'].map((key) => [key, query.get(key)]));
    current.exchanges.push({ method: 'BROWSER', url: String(to).split('?')[0], status: 200, ...asked });
    const { stdout } = await run(options.python, [options.person, String(to), '--until', REDIRECT, '--jar', options.jar,
      '--account', options.account, '--password', process.env.PASSWORD]);
    const said = JSON.parse(stdout);
    current.pages.push(...said.pages);
    if (!said.location) throw new Error(`the browser stopped at ${said.stopped_at}`);
    this.home = new URL(said.location).searchParams;
    current.came_with = [...this.home.keys()].sort();
  }
}

const provider = new Provider();
let client;
let transport;

async function connect() {
  client = new Client({ name: 'login', version: '1.0.0' }, { capabilities: {}, ...(old ? {} : { versionNegotiation: { mode: 'auto' } }) });
  transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider, fetch: recorded });
  await client.connect(transport);
}

async function finish() {
  const { home } = provider;
  provider.home = undefined;
  if (home.has('error')) throw new Error(`authorization refused: ${home}`);
  await transport.finishAuth(old ? home.get('code') : home);
}

async function loggedIn(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UnauthorizedError) || !provider.home) throw error;
    await finish();
    return work();
  }
}

const text = (result) => result.content.map((part) => part.text ?? '').join('');
const call = async ([name, args]) => text(await loggedIn(() => client.callTool({ name, arguments: args })));

async function lazily() {
  const [resource, prompt] = JSON.parse(options.public);
  const tools = async () => (await client.listTools()).tools.map((tool) => tool.name).sort();
  await step('anonymous', async (s) => {
    await connect();
    s.agreed = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
    s.tools = await tools();
    s.resources = (await client.listResources()).resources.map((found) => found.uri).sort();
    s.prompts = (await client.listPrompts()).prompts.map((found) => found.name).sort();
    s.result = text(await client.callTool({ name: plain[0], arguments: plain[1] }));
    s.read = (await client.readResource({ uri: resource })).contents[0].text;
    s.prompt = (await client.getPrompt({ name: prompt })).messages[0].content.text;
  });
  await step('sign-in', async (s) => { s.result = await call(more); });
  await step('after', async (s) => {
    s.tools = await tools();
    s.result = await call(plain) + await call(more);
  });
  await client.close();
}

async function play() {
  await step('login', async (s) => {
    await loggedIn(connect);
    s.agreed = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
    s.tools = (await client.listTools()).tools.map((tool) => tool.name).sort();
    s.result = await call(plain);
  });
  await step('step-up', async (s) => { s.result = await call(more); });
  await step('refresh', async (s) => {
    const before = provider.held;
    s.outcome = await auth(provider, { serverUrl: url, fetchFn: recorded });
    s.result = await call(more);
    Object.assign(s, { renewed: before.access_token !== provider.held.access_token, rotated: before.refresh_token !== provider.held.refresh_token });
  });
  await client.close();
  await step('revoke', async (s) => {
    const { revocation_endpoint: revocation } = provider.discovery.authorizationServerMetadata;
    const headers = { authorization: `Bearer ${provider.held.access_token}`, accept: 'application/json, text/event-stream', 'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 'login', version: '1' } };
    const list = () => fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } }) });
    s.before = (await list()).status;
    const form = new URLSearchParams({ token: provider.held.refresh_token, client_id: provider.client.client_id });
    s.revoked = (await fetch(revocation, { method: 'POST', body: form })).status;
    s.method = 'none';
    const after = await list();
    Object.assign(s, { after: after.status, challenge: after.headers.get('www-authenticate') });
  });
}

let code = 0;
try {
  await Promise.race([options.public ? lazily() : play(), new Promise((_, late) => { setTimeout(() => late(new Error('the story took longer than 60 s')), 60_000); })]);
} catch (error) {
  console.error(error);
  code = 1;
}
const { version } = require(`./node_modules/@modelcontextprotocol/${old ? 'sdk' : 'client'}/package.json`);
writeFileSync(options.report, JSON.stringify({ sdk: version, steps }, null, 1));
process.exit(code);
