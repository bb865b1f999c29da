// Plays one whole MCP authorization story with a TypeScript SDK, as its users would write it.
//
//   node flow.mjs --sdk 1|2 --url https://127.0.0.1:8443/mcp --mode auto|legacy --report out.json --life 9.5
//
// It judges nothing: it writes down every HTTP exchange of every step (tokens as digests only) in the form of flow.py.
// The SDK does discovery, registration, PKCE, tokens and refresh; ours are the browser, what an application keeps for its
// provider, and the second half of each login: the SDKs throw UnauthorizedError when they have sent the user away, and
// the application calls finishAuth with the code.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: Object.fromEntries(['sdk', 'url', 'mode', 'report', 'life', 'name'].map((name) => [name, { type: 'string' }])),
});
const { url } = options;
const old = options.sdk === '1';
const require = createRequire(import.meta.url);
const { Client, StreamableHTTPClientTransport, UnauthorizedError, auth } = old
  ? { ...await import('@modelcontextprotocol/sdk/client/index.js'), ...await import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
      ...await import('@modelcontextprotocol/sdk/client/auth.js') }
  : await import('@modelcontextprotocol/client');
const asked = old ? await import('@modelcontextprotocol/sdk/types.js').then((types) => ({
  elicit: types.ElicitRequestSchema, sample: types.CreateMessageRequestSchema, updated: types.ResourceUpdatedNotificationSchema,
})) : { elicit: 'elicitation/create', sample: 'sampling/createMessage', updated: 'notifications/resources/updated' };

const REDIRECT = 'http://127.0.0.1:33418/callback'; // nothing listens there: the browser below stops in front of it
const now = () => Date.now() / 1000;
const sleep = (secs) => new Promise((done) => setTimeout(done, secs * 1000));
const digest = (secret) => (secret ? `sha256:${createHash('sha256').update(secret).digest('hex').slice(0, 12)}` : null);

// ---- the transcript: every exchange, in order, filed under the step that caused it ----

const steps = [];
let current;
let session; // the id of the session that the client last saw

async function step(name, work) {
  current = { name, exchanges: [], began: now() };
  steps.push(current);
  const mine = current;
  try {
    await work(mine);
  } catch (error) {
    mine.error = `${error.name}: ${error.message}`;
    throw error;
  } finally {
    mine.ended = now();
  }
}

// One message of an answer: a result, an error, a notification, or a request of the server.
function summary(message, eventId) {
  const { result, error, params } = message;
  const what = message.method ?? (error ? `error ${error.code}` : 'result');
  return { at: now(), what, event_id: Boolean(eventId), kind: result?.resultType ?? null,
    state: digest(result?.requestState), uri: params?.uri ?? null };
}

// Reads a copy of an answer as it comes; that it breaks off is part of the story.
async function read(answer, entry) {
  try {
    if (!answer.headers.get('content-type')?.startsWith('text/event-stream')) {
      const body = await answer.text();
      const message = body.startsWith('{') ? JSON.parse(body) : {};
      if (message.jsonrpc) entry.events.push(summary(message));
      return;
    }
    let rest = '';
    for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
      const events = (rest + text).split(/\r?\n\r?\n/);
      rest = events.pop();
      for (const event of events) {
        const field = (name) => event.split(/\r?\n/).filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim()).join('\n');
        if (field('data')) entry.events.push(summary(JSON.parse(field('data')), field('id')));
        else if (field('id')) entry.events.push({ at: now(), what: 'empty', event_id: true });
      }
    }
  } catch (error) {
    entry.broke = error.name;
  } finally {
    entry.ended = now();
  }
}

async function recorded(input, init = {}) {
  const headers = new Headers(init.headers);
  const [scheme, credential] = (headers.get('authorization') ?? '').split(' ');
  const entry = { at: now(), method: init.method ?? 'GET', url: String(input).split('?')[0], events: [],
    credential: credential ? `${scheme} ${digest(credential)}` : null, version: headers.get('mcp-protocol-version'),
    session: digest(headers.get('mcp-session-id')), resumes: headers.has('last-event-id'), status: null };
  const body = init.body && String(init.body);
  if (body && headers.get('content-type')?.startsWith('application/json')) {
    const { method, params, scope, jsonrpc } = JSON.parse(body);
    entry.rpc = jsonrpc ? [method ?? 'response', params?.name ?? params?.uri].filter(Boolean).join(' ') : null;
    entry.scope = scope; // of a client registration
    entry.answers = params?.inputResponses ? Object.keys(params.inputResponses) : null;
    entry.state = digest(params?.requestState);
  } else if (body) {
    const form = new URLSearchParams(body);
    for (const key of ['grant_type', 'scope', 'resource']) entry[key] = form.get(key);
    entry.pkce = form.has('code_verifier');
  }
  current.exchanges.push(entry);
  const answer = await fetch(input, init);
  Object.assign(entry, { status: answer.status, challenge: answer.headers.get('www-authenticate'), type: answer.headers.get('content-type'), took: now() - entry.at });
  session = answer.headers.get('mcp-session-id') ?? session;
  if (entry.url === url && answer.body) void read(answer.clone(), entry);
  return answer;
}

// ---- the person at the browser, and what the application keeps ----

// Says yes to everything: follows redirects until the authorization server sends it home.
async function browse(start) {
  const query = new URL(start).searchParams;
  const entry = { at: now(), method: 'BROWSER', url: String(start).split('?')[0], status: null };
  for (const key of ['scope', 'resource', 'prompt', 'code_challenge_method']) entry[key] = query.get(key);
  current.exchanges.push(entry);
  const jar = new Map();
  for (let at = String(start), hops = 0; hops < 12; hops += 1) {
    const answer = await fetch(at, { redirect: 'manual', headers: { cookie: [...jar].map((pair) => pair.join('=')).join('; ') } });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (value) jar.set(name, value); else jar.delete(name);
    }
    if (![302, 303].includes(answer.status)) throw new Error(`authorization stopped at ${at.split('?')[0]}: ${answer.status} ${await answer.text()}`);
    at = new URL(answer.headers.get('location'), at).href;
    if (at.startsWith(REDIRECT)) {
      entry.status = answer.status;
      return new URL(at).searchParams;
    }
  }
  throw new Error('too many redirects');
}

class Provider {
  redirectUrl = REDIRECT;

  clientMetadata = { client_name: options.name, redirect_uris: [REDIRECT], grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'], token_endpoint_auth_method: 'none' };

  clientInformation() { return this.client; }
  saveClientInformation(client) { this.client = client; }
  tokens() { return this.held; }
  saveTokens(tokens) { this.held = tokens; this.since = now(); }
  codeVerifier() { return this.verifier; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  discoveryState() { return this.discovery; }
  saveDiscoveryState(discovery) { this.discovery = discovery; }
  async redirectToAuthorization(to) { this.home = await browse(to); }
}

const provider = new Provider();

async function finish(transport) {
  const { home } = provider;
  provider.home = undefined;
  if (home.has('error')) throw new Error(`authorization refused: ${home}`);
  await transport.finishAuth(old ? home.get('code') : home);
}

// ---- the story ----

const updates = [];
const answers = {
  elicit: () => ({ action: 'accept', content: { value: 'Zephyr' } }),
  sample: () => ({ model: 'interop', role: 'assistant', content: { type: 'text', text: 'mild and dry' } }),
};
let client;
let transport;

async function connect() {
  const told = new Client({ name: 'interop', version: '1.0.0' },
    { capabilities: { elicitation: {}, sampling: {} }, ...(old ? {} : { versionNegotiation: { mode: options.mode } }) });
  for (const name of ['elicit', 'sample']) told.setRequestHandler(asked[name], answers[name]);
  told.setNotificationHandler(asked.updated, ({ params }) => { updates.push(params.uri); });
  told.onerror = (error) => current.errors?.push(`${error.name}: ${error.message}`.slice(0, 200));
  const made = new StreamableHTTPClientTransport(new URL(url), { authProvider: provider, fetch: recorded });
  [client, transport] = [told, made];
  await told.connect(made);
}

// Where the SDK has sent the user away, the application redeems the code and does the thing again.
async function loggedIn(work, again = work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UnauthorizedError) || !provider.home) throw error;
    await finish(transport);
    return again();
  }
}

const scopes = (challenge) => /scope="([^"]*)"/.exec(challenge)?.[1];

// SDK 1.x answers a 403 by refreshing, which cannot widen the scope, and gives up at the second 403. Its application
// must drop the tokens and have the SDK authorize anew, with the scope of the challenge.
async function steppedUp(work) {
  const mine = current;
  try {
    return await loggedIn(work);
  } catch (error) {
    if (!old || error.code !== 403) throw error;
    mine.gave_up = error.message;
    const { challenge } = mine.exchanges.findLast((x) => x.status === 403);
    provider.held = undefined;
    await auth(provider, { serverUrl: url, scope: scopes(challenge), fetchFn: recorded });
    await finish(transport);
    return work();
  }
}

const text = (result) => (result.content ?? result.contents ?? result.messages.map((m) => m.content)).map((part) => part.text ?? '').join('');

async function call(name, args = {}, title = name, requestOptions = undefined) {
  await step(title, async (s) => {
    // Version 1 takes the schema of the result before the options.
    const rest = old ? [undefined, requestOptions] : [requestOptions];
    const result = await steppedUp(() => client.callTool({ name, arguments: args }, ...rest));
    Object.assign(s, { result: text(result), refused: Boolean(result.isError), scope: provider.held.scope, result_arrived: now() });
  });
}

// One request by hand, for answers that the SDK does not show.
async function raw(token, rpc, name, id) {
  const headers = { accept: 'application/json, text/event-stream', 'content-type': 'application/json', 'mcp-protocol-version': '2025-06-18' };
  if (token) headers.authorization = `Bearer ${token}`;
  if (id) headers['mcp-session-id'] = id;
  const body = JSON.stringify({ jsonrpc: '2.0', id: 41, method: rpc, params: name ? { name, arguments: {} } : {} });
  const answer = await fetch(url, { method: 'POST', headers, body });
  return { status: answer.status, challenge: answer.headers.get('www-authenticate'), body: (await answer.text()).slice(0, 600) };
}

async function until(what, secs = 10) {
  for (const end = now() + secs; now() < end; await sleep(0.02)) if (what()) return;
  throw new Error(`waited ${secs} s for ${what}`);
}

async function counted(name, n) {
  const progress = [];
  await call(name, { n }, name, { onprogress: ({ progress: at, total, message }) => progress.push({ step: at, of: total, sent: Number(message), arrived: now() }) });
  current.progress = progress;
}

async function play() {
  await step('discovery by hand', async (s) => {
    s.challenge = await raw(undefined, 'tools/list');
    const { origin, pathname } = new URL(url);
    s.metadata = {};
    for (const form of [`${origin}/.well-known/oauth-protected-resource${pathname}`, `${origin}/.well-known/oauth-protected-resource`]) {
      const answer = await fetch(form);
      s.metadata[form] = { status: answer.status, body: await answer.text() };
    }
  });

  await step('connect', async (s) => {
    await loggedIn(connect);
    s.result = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
  });
  const modern = current.result >= '2026';

  await call('list_stations');
  if (!modern) {
    await until(() => steps.flatMap((s) => s.exchanges).some((x) => x.method === 'GET' && x.url === url && x.status === 200));
    const uri = `weather://stations/${options.name}`;
    await call('announce_station', { uri });
    await until(() => updates.includes(uri));
    Object.assign(current, { updates: [...updates], uri });
  }
  await step('tools/list', async (s) => { s.result = (await client.listTools()).tools.map((tool) => tool.name).sort(); });
  await call('get_forecast', { city: 'Prague' });
  await call('delete_station', { id: 'north' });
  await call('get_forecast', { city: 'Brno' }, 'get_forecast again');
  await call('get_request_headers');
  await counted('slow_count', 6);
  await call('rename_station', { id: 'north' });
  await call('describe_weather', { city: 'Prague' });
  if (!modern) await counted('interrupted_count', 4);

  await step('resource and prompt', async (s) => {
    s.result = [text(await steppedUp(() => client.readResource({ uri: 'weather://stations/north' }))),
      text(await client.getPrompt({ name: 'plan_a_trip', arguments: { city: 'Prague' } }))];
    s.scope = provider.held.scope;
  });
  let subscription;
  if (modern) {
    const uri = `weather://stations/${options.name}`;
    await step('subscription', async (s) => {
      subscription = await client.listen({ resourceSubscriptions: [uri] });
      await client.callTool({ name: 'announce_station', arguments: { uri } });
      await until(() => updates.includes(uri));
      Object.assign(s, { updates: [...updates], uri });
    });
  }

  await step('tool without a rule', async (s) => { s.result = await raw(provider.held.access_token, 'tools/call', 'reset_everything'); });
  const before = provider.held;
  await step('expired token by hand', async (s) => {
    await sleep(Math.max(0, provider.since + Number(options.life) - now()));
    s.result = await raw(before.access_token, 'tools/list');
  });
  if (modern) {
    await step('subscription after expiry', async (s) => {
      const closed = await Promise.race([subscription.closed, sleep(5).then(() => 'open')]);
      s.result = closed === 'remote' ? 'lost' : closed;
    });
  }
  await call('get_forecast', { city: 'Pilsen' }, 'get_forecast after expiry');
  Object.assign(current, { rotated: before.refresh_token !== provider.held.refresh_token, renewed: before.access_token !== provider.held.access_token });

  await step('close', async (s) => {
    const id = session;
    if (!modern) await transport.terminateSession();
    await client.close();
    if (!modern) s.result = await raw(provider.held.access_token, 'tools/list', undefined, id);
  });
}

let code = 0;
try {
  await Promise.race([play(), sleep(90).then(() => { throw new Error('the story took longer than 90 s'); })]);
} catch (error) {
  console.error(error);
  code = 1;
}
const { version } = require(`./node_modules/@modelcontextprotocol/${old ? 'sdk' : 'client'}/package.json`);
writeFileSync(options.report, JSON.stringify({ sdk: version, mode: options.mode, client: provider.client?.client_id, steps }, null, 1));
process.exit(code);
