// Pages of other origins that call the gateway, and a page of the upstream at the origin of the sign-in, in headless Chromium.
//
//   node browser.mjs --base http://127.0.0.1:8080 --chromium /usr/bin/chromium        (ACCOUNT, PASSWORD in the environment)
//
// At --base is nginx. Below /bare/files and /loose/files it leads to the upstream without the gateway, the latter with a sandbox that lets scripts
// and forms run; elsewhere to the gateway. Prints one JSON line for each claim.
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import { chromium } from 'playwright-core';

const { values: options } = parseArgs({ options: Object.fromEntries(['base', 'chromium'].map((name) => [name, { type: 'string' }])) });
const { base } = options;
const { ACCOUNT: account, PASSWORD: password } = process.env;
const claim = (good, text, evidence = '') => console.log(JSON.stringify({ good: Boolean(good), claim: text, evidence }));
const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

// ---- a site: its pages, and the redirect URI of its client ----

const arrived = [];
async function site() {
  const server = createServer((request, answer) => {
    const at = new URL(request.url, 'http://site');
    if (at.pathname === '/callback') arrived.push(at.searchParams);
    answer.writeHead(at.pathname === '/favicon.ico' ? 404 : 200, { 'content-type': 'text/html' });
    answer.end('<!doctype html><html lang="en"><title>Site</title><p>A page.</p>');
  });
  await new Promise((done) => { server.listen(0, done); });
  return { server, port: server.address().port };
}

const sites = [await site(), await site()];
const page1 = `http://localhost:${sites[0].port}`;      // allowed by http://localhost:*
const page2 = `http://127.0.0.1:${sites[1].port}`;      // not allowed

const browser = await chromium.launch({ executablePath: options.chromium, headless: true, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'] });

async function opened(url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  if (url) await page.goto(url);
  return { context, page };
}

// ---- what a client in a page does, all with fetch ----

// In the page. Status, header fields and text of one answer as scripts see them.
async function fetched([url, init]) {
  try {
    const answer = await fetch(url, init);
    return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() };
  } catch (error) {
    return { failed: `${error.name}: ${error.message}` };
  }
}

const ask = (page, url, init) => page.evaluate(fetched, [url, init]);
const mcp = (message, token, session) => ({ method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', ...message }), headers: {
  'content-type': 'application/json', accept: 'application/json, text/event-stream', ...(token && { authorization: `Bearer ${token}` }),
  ...(session && { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }) } });
const hello = { id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'page', version: '1' } } };

async function register(page, redirect) {
  const answer = await ask(page, `${base}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Page', redirect_uris: [redirect], token_endpoint_auth_method: 'none', grant_types: ['authorization_code'] }) });
  return { id: JSON.parse(answer.text ?? '{}').client_id, redirect };
}

function authorize(client) {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: client.redirect, scope: 'mcp:connect', state: randomBytes(12).toString('base64url'),
    resource: `${base}/mcp`, code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' });
  return { url: `${base}/oauth/authorize?${query}`, verifier };
}

// As far as the consent page, which asks the user who has just signed in.
async function signIn(page, url) {
  await page.goto(url);
  await page.locator('input:not([type=hidden])').first().fill(account);
  await page.locator('input[type=password]').fill(password);
  await page.locator('button').first().click();
  await allow(page).waitFor();
}

const allow = (page) => page.getByRole('button', { name: /allow/i });

async function allowedPage() {
  const { context, page } = await opened(page1);
  const refused = await ask(page, `${base}/mcp`, mcp(hello));
  const challenge = refused.headers?.['www-authenticate'] ?? '';
  const metadata = /resource_metadata="([^"]+)"/.exec(challenge)?.[1];
  claim(refused.status === 401 && metadata, 'http://localhost:*: the page reads WWW-Authenticate of the 401', challenge);
  const resource = JSON.parse((await ask(page, metadata, {})).text);
  const issuer = resource.authorization_servers[0];
  const server = JSON.parse((await ask(page, issuer.replace('/oauth', '/.well-known/oauth-authorization-server/oauth'), {})).text);
  claim(resource.resource === `${base}/mcp` && server.issuer === issuer, 'and both metadata documents', issuer);
  const client = await register(page, `${page1}/callback`);
  claim(client.id, 'it registers a client', client.id);
  const asked = authorize(client);
  await signIn(page, asked.url);
  await allow(page).click();
  await page.waitForURL((url) => url.href.startsWith(client.redirect));
  const body = new URLSearchParams({ grant_type: 'authorization_code', code: arrived.at(-1).get('code'), redirect_uri: client.redirect, client_id: client.id, code_verifier: asked.verifier,
    resource: `${base}/mcp` }).toString();
  const redeemed = await ask(page, server.token_endpoint, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body });
  const token = JSON.parse(redeemed.text ?? '{}').access_token;
  claim(redeemed.status === 200 && token, 'after sign-in and consent it redeems the code', redeemed.status);
  const began = await ask(page, `${base}/mcp`, mcp(hello, token));
  const session = began.headers?.['mcp-session-id'];
  claim(began.status === 200 && session, 'with the token it initializes, and reads Mcp-Session-Id', `${began.status}, ${session?.length} characters`);
  await ask(page, `${base}/mcp`, mcp({ method: 'notifications/initialized' }, token, session));
  const called = await ask(page, `${base}/mcp`, mcp({ id: 2, method: 'tools/call', params: { name: 'get_forecast', arguments: { city: 'Oslo' } } }, token, session));
  claim(called.status === 200 && called.text.includes('Oslo: sunny'), 'and calls a tool in that session', called.status);
  const ended = await ask(page, `${base}/mcp`, { method: 'DELETE', headers: mcp({}, token, session).headers });
  claim(ended.status >= 200 && ended.status < 300, 'and ends the session with DELETE', ended.status);
  await context.close();
  return token;
}

async function foreignPage(token) {
  const { context, page } = await opened(page2);
  const said = [];
  for (const credential of [undefined, token]) {
    for (const message of [hello, { id: 3, method: 'tools/list' }]) said.push(await ask(page, `${base}/mcp`, mcp(message, credential)));
  }
  // Without a preflight: what browsers call a simple request. And one whose answer the page does not ask to read.
  const simple = { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', ...hello }), headers: { 'content-type': 'text/plain' }, credentials: 'include' };
  said.push(await ask(page, `${base}/mcp`, simple));
  said.push(await ask(page, `${base}/mcp`, { credentials: 'include' }));
  const blind = await ask(page, `${base}/mcp`, { ...simple, mode: 'no-cors' });
  claim(said.every((one) => one.failed), 'a page of another origin reads nothing: with a token or without, with a preflight or without', [...new Set(said.map((one) => one.failed ?? one.status))].join());
  claim(blind.status === 0 && blind.text === '' && Object.keys(blind.headers).length === 0, 'nor without asking to read', blind.status);
  await context.close();
  console.log(JSON.stringify({ allowed: page1, foreign: page2 }));
}

// ---- a page of the upstream, at the origin of the sign-in ----

const WORDS = /^WORKED/;

// A user is at the consent page; a page below `folder` is opened in another tab of the same browser.
async function beside(folder, toss) {
  const { context, page } = await opened();
  const client = await register(await (await opened(page1)).page, `${page2}/callback`);
  const asked = authorize(client);
  await signIn(page, asked.url);
  const cookies = await context.cookies();
  const cookie = toss ?? cookies.find((one) => one.name.startsWith('portcullis-browser')).name;
  const other = await context.newPage();
  other.setDefaultTimeout(8000);
  const attack = `${base}${folder}/evil.html?${new URLSearchParams({ consent: page.url(), cookie })}`;
  const answer = await other.goto(attack);
  return { context, page, client, cookies, other, answer, attack };
}

const planted = (cookies) => cookies.filter((one) => one.value === 'planted').map((one) => `${one.name} ${one.path}`);
const outcomes = (said) => Object.entries(said).map(([name, text]) => `${name}: ${text}`).join('; ');

// That the page is what it is for: without the gateway's fields it does all of this. (Its cookie has another name: it would end the sign-in.)
async function bare() {
  const { context, other } = await beside('/bare/files', 'tossed');
  await other.waitForFunction(() => window.said, undefined, { timeout: 20000 });
  const said = await other.evaluate(() => window.said);
  const worked = Object.keys(said).filter((name) => WORDS.test(said[name]));
  claim(worked.includes('fetch') && worked.includes('worker') && worked.includes('cookie') && planted(await context.cookies()).length > 0,
    'without the gateway in front of it the page of the upstream reads the consent page, becomes a service worker and plants cookies', outcomes(said));
  await context.close();
}

async function sandboxed() {
  const { context, page, client, cookies, other, answer, attack } = await beside('/files');
  const before = arrived.length;
  const policy = await answer.headerValue('content-security-policy');
  claim(answer.status() === 200 && /(^|[\n,] ?)sandbox$/.test(policy), 'through the gateway it comes with a sandbox of its own', policy.replaceAll('\n', ', '));
  await pause(4000);
  claim(await other.title() === 'Report' && await other.evaluate(() => window.said === undefined), 'its scripts do not run, in a file, in the page or in an attribute', await other.title());
  await other.locator('#link').evaluate((link, to) => { link.href = to; }, page.url());
  const pages = context.pages().length;
  await other.locator('#link').click();
  const sent = [];
  other.on('request', (request) => { if (request.method() === 'POST') sent.push(request.url()); });
  await other.locator('form').evaluate((form, to) => { form.action = to; }, page.url());
  await other.locator('#form').click();
  await pause(500);
  claim(context.pages().length === pages && sent.length === 0, 'its link opens no window, and its form is not sent', `${pages} pages, ${sent.length} forms`);
  claim(await other.locator('#picture').evaluate((image) => image.naturalWidth) === 40, 'and it still shows its picture');
  // The same page with a sandbox that lets scripts and forms run: what an origin of its own is still good for.
  await other.goto(attack.replace('/files/', '/loose/files/'));
  await other.waitForFunction(() => window.said, undefined, { timeout: 20000 });
  const said = await other.evaluate(() => window.said);
  claim(said.origin === 'null' && Object.values(said).every((text) => !WORDS.test(text)), 'if a browser ran its scripts, its own origin would keep them from pages, workers, windows and cookies', outcomes(said));
  await other.locator('form').evaluate((form, to) => { form.action = to; }, page.url());
  const posted = other.waitForResponse((one) => one.request().method() === 'POST');
  await other.locator('#form').click();
  const refused = await posted;
  claim(refused.status() === 403, 'and its form would be refused', `${refused.status()} for Origin: ${await refused.request().headerValue('origin')}`);
  const now = await context.cookies();
  const same = (list) => JSON.stringify(list.map(({ name, value, path }) => [name, value, path]).sort());
  claim(same(now) === same(cookies), "the browser's cookies are as they were", planted(now).join() || `${now.length} cookies`);

  // A page that is the gateway's own registers nothing either.
  const own = await context.newPage();
  await own.goto(`${base}/.well-known/oauth-protected-resource/mcp`);
  const worker = await own.evaluate(() => navigator.serviceWorker.register('/files/sw.js', { scope: '/files/' }).then(() => 'registered', (error) => `${error.name}: ${error.message}`));
  const held = await own.evaluate(() => navigator.serviceWorker.getRegistrations().then((all) => all.length));
  claim(/403|bad HTTP/.test(worker) && held === 0, 'a file is no script of a service worker, also where a page of the gateway registers it', worker.slice(0, 160));

  claim(arrived.length === before, 'nothing was allowed meanwhile', `${arrived.length} answers at redirect URIs, as before`);
  await allow(page).click();
  await page.waitForURL((url) => url.href.startsWith(client.redirect));
  claim(arrived.length === before + 1 && arrived.at(-1).has('code'), 'the user who was asked then allows it, once', [...arrived.at(-1).keys()].join(' '));
  await context.close();
}

let code = 0;
let token;
for (const [name, work] of [['a page that is allowed', async () => { token = await allowedPage(); }], ['a page that is not', () => foreignPage(token)], ['without the gateway', bare], ['sandbox', sandboxed]]) {
  try {
    await work();
  } catch (error) {
    claim(false, `${name}: walked to the end`, `${error.name}: ${error.message}`.slice(0, 600));
    code = 1;
    for (const context of browser.contexts()) await context.close();
  }
}
await browser.close();
for (const { server } of sites) server.close();
process.exit(code);
