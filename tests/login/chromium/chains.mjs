// Clients whose callback redirects on, in headless Chromium: to a private scheme, another loopback port, another https host; each
// after the consent page and after the sign-in page alone; with scripts and without.
//
//   node chains.mjs --base http://127.0.0.1:8080 --tls folder --chromium /usr/bin/chromium        (ACCOUNT, PASSWORD in the environment)
//
// Chromium applies `form-action` of a page to every redirect that follows its form. Prints one JSON line for each claim.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer as plain } from 'node:http';
import { createServer as secure } from 'node:https';
import { parseArgs } from 'node:util';

import { chromium } from 'playwright-core';

const { values: options } = parseArgs({ options: Object.fromEntries(['base', 'tls', 'chromium'].map((name) => [name, { type: 'string' }])) });
const { base } = options;
const { ACCOUNT: account, PASSWORD: password } = process.env;
const claim = (good, text, evidence = '') => console.log(JSON.stringify({ good: Boolean(good), claim: text, evidence }));
const listening = (server) => new Promise((done) => { server.listen(0, '127.0.0.1', () => done(server.address().port)); });

// ---- the client: a site that takes the code and sends the browser on ----

const ENDS = '<!doctype html><html lang="en"><title>Client</title><p>You can close this window.</p>';
const tls = { key: readFileSync(`${options.tls}/key.pem`), cert: readFileSync(`${options.tls}/cert.pem`) };
const seen = [];
const targets = {};
const servers = [];

function answered(request, answer) {
  const { host } = request.headers;
  const at = new URL(request.url, `https://${host}`);
  seen.push({ host, path: at.pathname, code: at.searchParams.get('code') });
  const target = targets[at.pathname.split('/').at(-1)];
  if (at.pathname.startsWith('/callback/') && target) {
    answer.writeHead(302, { location: target });
    answer.end();
  } else {
    answer.writeHead(at.pathname === '/favicon.ico' ? 404 : 200, { 'content-type': 'text/html' });
    answer.end(ENDS);
  }
}

async function served(make) {
  const server = make(answered);
  servers.push(server);
  return listening(server);
}

const site = await served((handler) => secure(tls, handler)); // of both https hosts
const loopback = await served((handler) => plain(handler));
targets.scheme = 'com.example.desktop:/signed-in?from=callback';
targets.loopback = `http://127.0.0.1:${loopback}/end`;
targets.host = `https://elsewhere.example:${site}/end`;
const back = (name) => `https://client.example:${site}/callback/${name}`;
const onThisMachine = (port, name) => `http://127.0.0.1:${port}/callback/${name}`;

async function registered(redirect) {
  const answer = await fetch(`${base}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Chain', redirect_uris: [redirect], token_endpoint_auth_method: 'none', grant_types: ['authorization_code'] }) });
  return { id: (await answer.json()).client_id, redirect };
}

function address(client) {
  const query = new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: client.redirect, scope: 'mcp:connect', state: randomBytes(12).toString('base64url'),
    resource: `${base}/mcp`, code_challenge: createHash('sha256').update(randomBytes(32).toString('base64url')).digest('base64url'), code_challenge_method: 'S256' });
  return `${base}/oauth/authorize?${query}`;
}

// ---- the browser ----

const browser = await chromium.launch({ executablePath: options.chromium, headless: true, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--host-resolver-rules=MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'] });

async function opened(scripts) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: scripts });
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  // What the browser says of a policy, and how it fails at what it does not open, such as a private scheme.
  const told = { policies: [], failed: [] };
  page.on('console', (message) => { if (/content security policy|form-action/i.test(message.text())) told.policies.push(message.text()); });
  page.on('requestfailed', (request) => told.failed.push(`${request.url().split('?')[0]} ${request.failure()?.errorText}`));
  return { context, page, told };
}

async function signIn(page) {
  await page.locator('input:not([type=hidden])').first().fill(account);
  await page.locator('input[type=password]').fill(password);
  await page.locator('button').first().click();
}

const allow = (page) => page.getByRole('button', { name: /allow/i });

// Whether the chain from here on ends where it leads, within a few seconds.
async function ends({ told }, name, since) {
  const scheme = name === 'scheme';
  const there = () => (scheme ? told.failed.some((one) => one.startsWith('com.example.desktop:')) : seen.slice(since).some((one) => one.path === '/end'));
  for (let waited = 0; waited < 50 && !there() && told.policies.length === 0; waited += 1) await new Promise((done) => { setTimeout(done, 100); });
  const called = seen.slice(since).filter((one) => one.path.startsWith('/callback/'));
  const blocked = [...told.policies, ...told.failed.filter((one) => /CSP/.test(one))];
  const good = there() && called.length === 1 && called[0].code && blocked.length === 0;
  const evidence = blocked[0] ?? (scheme ? told.failed.at(-1) : seen.slice(since).map((one) => one.host + one.path).join(' → '));
  return [good, evidence ?? 'nowhere'];
}

async function chain(name, scripts) {
  const label = `${{ scheme: 'a private scheme', loopback: 'another loopback port', host: 'another https host' }[name]}, scripts ${scripts ? 'on' : 'off'}`;
  const client = await registered(back(name));
  const first = await opened(scripts);
  let since = seen.length;
  await first.page.goto(address(client));
  await signIn(first.page);
  await allow(first.page).waitFor();
  await allow(first.page).click({ noWaitAfter: true });
  let [good, evidence] = await ends(first, name, since);
  claim(good, `consent → callback → ${label}`, evidence);
  await first.context.close();

  // The consent is remembered, so the sign-in leads to the client at once.
  const second = await opened(scripts);
  since = seen.length;
  await second.page.goto(address(client));
  await signIn(second.page);
  [good, evidence] = await ends(second, name, since);
  claim(good, `sign-in → callback → ${label}`, evidence);
  await second.context.close();
}

// A native client, whose listener sends the browser on.
async function native(name, scripts) {
  const port = await served((handler) => plain(handler));
  const client = await registered(onThisMachine(port, name));
  const walk = await opened(scripts);
  const since = seen.length;
  await walk.page.goto(address(client));
  await signIn(walk.page);
  await allow(walk.page).waitFor();
  await allow(walk.page).click({ noWaitAfter: true });
  const [good, evidence] = await ends(walk, name, since);
  claim(good, `consent → loopback callback → ${name}, scripts ${scripts ? 'on' : 'off'}`, evidence);
  await walk.context.close();
}

// A page that takes a password posts to its own server alone: the browser itself must say so.
async function passwords() {
  const { context, page } = await opened(true);
  const client = await registered(back('host'));
  const answer = await page.goto(address(client));
  const policy = (await answer.allHeaders())['content-security-policy'];
  claim(/(^|; )form-action 'self'($|;)/.test(policy) && await page.locator('input[type=password]').count() === 1, "the page with the password keeps form-action 'self'", policy);
  await context.close();
}

let code = 0;
const all = ['scheme', 'loopback', 'host'].flatMap((name) => [true, false].flatMap((scripts) => [[`${name} ${scripts}`, () => chain(name, scripts)], [`native ${name} ${scripts}`, () => native(name, scripts)]]));
for (const [name, work] of [...all, ['passwords', passwords]]) {
  try {
    await work();
  } catch (error) {
    claim(false, `${name}: walked to the end`, `${error.name}: ${error.message}`.slice(0, 600));
    code = 1;
    for (const context of browser.contexts()) await context.close();
  }
}
await browser.close();
for (const server of servers) server.close();
process.exit(code);
