// Goes through the pages in headless Chromium as somebody with a mouse, with a keyboard, with a phone, and without scripts.
//
//   node walk.mjs --base http://127.0.0.1:8080 --bridge http://127.0.0.1:8081 --shots folder --chromium /usr/bin/chromium        (ACCOUNT, PASSWORD in the environment)
//
// Prints one JSON line for each claim: whether it holds, what it says, and the evidence. Screenshots go into the folder.
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

import { chromium } from 'playwright-core';

const { values: options } = parseArgs({ options: Object.fromEntries(['base', 'bridge', 'shots', 'chromium'].map((name) => [name, { type: 'string' }])) });
const { bridge } = options; // another gateway, whose people log in at an IdP
let { base } = options;
const { ACCOUNT: account, PASSWORD: password } = process.env;
const claim = (good, text, evidence = '') => console.log(JSON.stringify({ good: Boolean(good), claim: text, evidence }));

// ---- the client: a native application that listens on the loopback ----

const arrived = [];
const listener = createServer((request, answer) => {
  const at = new URL(request.url, 'http://127.0.0.1');
  if (at.pathname === '/callback') arrived.push(at.searchParams);
  const framed = at.pathname === '/framed' ? `<iframe src="${at.searchParams.get('of').replaceAll('&', '&amp;')}"></iframe>` : '';
  answer.writeHead(at.pathname === '/favicon.ico' ? 404 : 200, { 'content-type': 'text/html' });
  answer.end(`<!doctype html><html lang="en"><title>Client</title><p>You can close this window.</p>${framed}`);
});
await new Promise((done) => { listener.listen(0, '127.0.0.1', done); });
const { port } = listener.address();

async function registered(name, host = '127.0.0.1') {
  const redirect = `http://${host}:${port}/callback`;
  const answer = await fetch(`${base}/oauth/register`, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: name, redirect_uris: [redirect], token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] }) });
  return { id: (await answer.json()).client_id, redirect };
}

function request(client, scope, more = {}) {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(12).toString('base64url');
  const query = new URLSearchParams({ response_type: 'code', client_id: client.id, redirect_uri: client.redirect, scope, state, resource: `${base}/mcp`,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', ...more });
  return { url: `${base}/oauth/authorize?${query}`, verifier, state };
}

async function redeemed(client, code, verifier) {
  const body = new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: client.redirect, client_id: client.id, code_verifier: verifier, resource: `${base}/mcp` });
  const answer = await fetch(`${base}/oauth/token`, { method: 'POST', body });
  return [answer.status, await answer.json()];
}

// ---- the browser ----

const browser = await chromium.launch({ executablePath: options.chromium, headless: true, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1', '--force-prefers-reduced-motion'] });

const complaints = [];
async function opened(name, settings = {}) {
  const context = await browser.newContext({ viewport: { width: 1024, height: 768 }, ...settings });
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  // That a document came with an error status is what some claims are about, and no complaint about the page. The IdP's pages, at
  // localhost, want fonts from afar.
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !/^(https:|http:\/\/localhost:)/.test(message.location().url) &&
      !/the server responded with a status of/.test(message.text())) complaints.push(`${name}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`${name}: ${error.message}`));
  return { context, page, name };
}

const shot = (page, name) => page.screenshot({ path: `${options.shots}/${name}.png`, fullPage: true });
const words = (page) => page.locator('body').innerText();
const allow = (page) => page.getByRole('button', { name: /allow/i });
const deny = (page) => page.getByRole('button', { name: /deny|cancel/i });

// Until the page that follows is there.
async function then(page, act) {
  const there = page.waitForEvent('framenavigated');
  await act();
  await there;
  await page.waitForLoadState();
}

async function logIn(page, secret = password) {
  await page.locator('input[type=text], input:not([type])').first().fill(account);
  await page.locator('input[type=password]').fill(secret);
  await then(page, () => page.locator('button[type=submit], button:not([type]), input[type=submit]').first().click());
}

// What the client's listener was called with, once the browser is there.
async function home(page, client) {
  await page.waitForURL((url) => url.href.startsWith(client.redirect));
  return arrived.at(-1);
}

const once = (came, names) => names.every((name) => came.getAll(name).length === 1);

async function arrives(page, client, asked, what) {
  const came = await home(page, client);
  const good = once(came, ['code', 'state', 'iss']) && came.get('state') === asked.state && came.get('iss') === `${base}/oauth`;
  claim(good, `${what}: the client gets code, state and iss, each once`, [...came.keys()].join(' '));
  return came;
}

// ---- what is tried ----

async function byMouse(settings, label) {
  const { context, page } = await opened(label, settings);
  const client = await registered(`Walker ${label}`);
  const asked = request(client, 'mcp:connect');
  await page.goto(asked.url);
  await shot(page, `${label}-1-login`);
  await logIn(page, 'not the password');
  const told = await words(page);
  await shot(page, `${label}-2-wrong-password`);
  claim(/password/i.test(told) && /is wrong/.test(told) && await page.locator('input[type=password]').inputValue() === '',
    `${label}: a wrong password is told, and not kept in the field`, told.split('\n').find((line) => line.includes('go together')));
  await logIn(page);
  await allow(page).waitFor();
  const consent = await words(page);
  await shot(page, `${label}-3-consent`);
  claim(consent.includes(`Walker ${label}`) && consent.includes('127.0.0.1') && consent.includes('See which weather stations there are') && /Alice of Accounts|alice/.test(consent),
    `${label}: the consent page says who asks, for what, where the answer goes and as whom`);
  claim(/this (computer|device|machine)|any program|other program|your (own )?(computer|device|machine)/i.test(consent), `${label}: and warns of a client that any program on this computer may pose as`);
  await allow(page).click();
  const came = await arrives(page, client, asked, `${label}: allowing`);
  const [status, tokens] = await redeemed(client, came.get('code'), asked.verifier);
  claim(status === 200 && tokens.scope === 'mcp:connect', `${label}: and the code is worth a token`, status);

  await page.goBack();
  const before = arrived.length;
  await shot(page, `${label}-4-back`);
  if (await allow(page).count()) await then(page, () => allow(page).click());
  const again = arrived.slice(before).filter((one) => one.has('code'));
  claim(again.length === 0 && await page.locator('h1').count() === 1, `${label}: back and allow again gives no second code, but a page that says why`, (await words(page)).split('\n').slice(0, 2).join(' / '));

  const wider = request(client, 'mcp:connect mcp:tools:write');
  await page.goto(wider.url);
  await allow(page).waitFor();
  const more = await words(page);
  await shot(page, `${label}-5-step-up`);
  const at = { added: more.indexOf('Remove weather stations'), already: more.search(/already/i), held: more.indexOf('See which weather stations there are') };
  claim(at.added >= 0 && at.already > at.added && at.held > at.already, `${label}: the step-up shows what is new, and apart from it what is allowed already`, JSON.stringify(at));
  await allow(page).click();
  await arrives(page, client, wider, `${label}: stepping up`);

  const third = request(client, 'mcp:connect mcp:tools:write mcp:tools:read');
  await page.goto(third.url);
  await deny(page).click();
  const no = await home(page, client);
  claim(no.get('error') === 'access_denied' && no.get('state') === third.state && once(no, ['iss']) && !no.has('code'), `${label}: denying sends access_denied with state and iss`, [...no.keys()].join(' '));

  const kept = await context.cookies();
  claim(kept.length > 0 && kept.every((cookie) => cookie.httpOnly && cookie.sameSite === 'Lax'), `${label}: cookies are HttpOnly and SameSite=Lax`, kept.map((cookie) => cookie.name).join(' '));

  await page.goto(asked.url.replace(encodeURIComponent(client.redirect), encodeURIComponent('https://evil.example/cb')));
  await shot(page, `${label}-6-error`);
  claim(page.url().startsWith(base) && /redirect/i.test(await words(page)), `${label}: a foreign redirect URI ends on our own page`, (await words(page)).split('\n').slice(0, 2).join(' / '));
  await context.close();
}

async function byKeyboard() {
  const { context, page } = await opened('keyboard');
  const client = await registered('Keyboard Walker', 'localhost');
  const asked = request(client, 'mcp:connect mcp:tools:read');
  await page.goto(asked.url);
  const focused = () => page.evaluate(() => {
    const of = document.activeElement;
    const style = getComputedStyle(of);
    return { tag: of.tagName.toLowerCase(), type: of.type ?? '', words: (of.innerText ?? of.value ?? '').trim(), ring: style.outlineStyle !== 'none' || style.boxShadow !== 'none' };
  });
  const reach = async (wanted) => {
    for (let pressed = 0; pressed < 15; pressed += 1) {
      const now = await focused();
      if (wanted(now)) return { ...now, pressed };
      await page.keyboard.press('Tab');
    }
    return undefined;
  };
  const name = await reach((now) => now.tag === 'input' && ['text', 'email', ''].includes(now.type));
  await page.keyboard.type(account);
  await page.keyboard.press('Tab');
  const secret = await focused();
  await page.keyboard.type(password);
  await shot(page, 'keyboard-1-login');
  await page.keyboard.press('Enter');
  await allow(page).waitFor();
  claim(name && secret.type === 'password' && secret.ring, 'keyboard: account, Tab, password, Enter, with a ring around what has the focus', `${name?.pressed} tabs to the account`);
  const labels = await page.evaluate(() => ({ lang: document.documentElement.lang, headings: document.querySelectorAll('h1').length, title: document.title }));
  const button = await reach((now) => now.tag === 'button' && /allow/i.test(now.words));
  await shot(page, 'keyboard-2-consent');
  claim(button?.ring, 'keyboard: Allow is reached by Tab, and seen to be', JSON.stringify(button));
  claim(labels.lang && labels.headings === 1 && labels.title, 'keyboard: pages have a language, one heading and a title', JSON.stringify(labels));
  await page.keyboard.press('Enter');
  await arrives(page, client, asked, 'keyboard: Enter, to localhost');
  await context.close();
}

async function byPhone(colorScheme) {
  const label = `phone-${colorScheme}`;
  const { context, page } = await opened(label, { viewport: { width: 320, height: 640 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme });
  const client = await registered('A client with a name that is nearly as long as a name may be, and with_nowhere_to_break_it_over_two_lines_at_all');
  const asked = request(client, 'mcp:connect mcp:tools:read mcp:tools:write');
  const wide = [];
  const look = async (name) => {
    await shot(page, `${label}-${name}`);
    const { width, small } = await page.evaluate(() => ({ width: document.documentElement.scrollWidth,
      small: [...document.querySelectorAll('button, input:not([type=hidden])')].map((of) => of.getBoundingClientRect()).filter((box) => box.height < 32).length }));
    if (width > 320 || small) wide.push(`${name}: ${width} px, ${small} controls too low`);
  };
  await page.goto(asked.url);
  await look('1-login');
  const fields = await page.evaluate(() => [...document.querySelectorAll('input:not([type=hidden])')].map((of) => [of.labels?.length, of.autocomplete, getComputedStyle(of).fontSize].join(' ')));
  claim(fields.length === 2 && fields[0].startsWith('1 username') && fields[1].startsWith('1 current-password'), `${label}: fields are labelled, and a password manager knows them`, fields.join(' · '));
  await logIn(page, 'wrong');
  await look('2-wrong-password');
  await logIn(page);
  await allow(page).waitFor();
  await look('3-consent');
  await allow(page).tap();
  await arrives(page, client, asked, `${label}: tapping`);
  await page.goto(`${base}/oauth/authorize?client_id=nobody`);
  await look('4-error');
  claim(wide.length === 0, `${label}: 320 px are enough for every page, and every control can be hit`, wide.join('; '));
  await context.close();
}

async function framed() {
  const { context, page } = await opened('framed');
  complaintsOff(page);
  const client = await registered('Framed');
  await page.goto(`http://127.0.0.1:${port}/framed?of=${encodeURIComponent(request(client, 'mcp:connect').url)}`);
  await page.waitForTimeout(300);
  const inside = page.frames()[1];
  const shown = await inside?.locator('input').count().catch(() => 0);
  claim(inside && !shown, 'a page of somebody else cannot put ours into a frame', inside?.url().split('?')[0]);
  await context.close();
}

// The IdP is another site than ours: the browser goes there first, and comes back to consent.
async function byBridge() {
  base = bridge;
  const client = await registered('Bridge Walker');
  const atIdp = async (page) => {
    await page.locator('input[name=login]').fill(account);
    await page.locator('input[name=password]').fill('any');
    await then(page, () => page.locator('button[type=submit]').click());
    if (await page.getByRole('button', { name: /continue/i }).count()) await then(page, () => page.getByRole('button', { name: /continue/i }).click());
  };
  const { context, page } = await opened('bridge');
  const asked = request(client, 'mcp:connect');
  await page.goto(asked.url);
  const idp = page.url();
  claim(idp.startsWith('http://localhost:'), 'bridge: sign-in first, at the IdP, which is another site', idp.split('?')[0]);
  await atIdp(page);
  await shot(page, 'bridge-1-consent');
  claim(page.url().startsWith(`${base}/oauth/consent`), 'bridge: then consent, for the user who signed in', page.url().split('?')[0]);
  await then(page, () => allow(page).click());
  await arrives(page, client, asked, 'bridge: back from the IdP');
  await context.close();

  // This one stops at the IdP's login; the address that led there is opened in another browser.
  const begun = await opened('bridge, begun');
  const sent = begun.page.waitForRequest((one) => one.url().startsWith('http://localhost:'));
  await begun.page.goto(request(client, 'mcp:connect').url);
  const address = (await sent).url();

  const other = await opened('bridge, another browser');
  const before = arrived.length;
  await other.page.goto(address);
  await atIdp(other.page);
  await shot(other.page, 'bridge-2-another-browser');
  const told = await words(other.page);
  claim(other.page.url().startsWith(`${base}/oauth/callback`) && arrived.length === before && /another browser/.test(told),
    'bridge: the IdP address of one browser ends on an error page in another', told.split('\n').filter(Boolean).slice(1, 4).join(' / '));
  await other.context.close();
  await begun.context.close();
  base = options.base;
}

function complaintsOff(page) {
  page.removeAllListeners('console');
}

let code = 0;
for (const [name, work] of [['mouse', () => byMouse({}, 'mouse')], ['no scripts', () => byMouse({ javaScriptEnabled: false }, 'no-script')], ['keyboard', byKeyboard],
  ['phone', () => byPhone('light')], ['phone at night', () => byPhone('dark')], ['frame', framed], ['bridge', byBridge]]) {
  try {
    await work();
  } catch (error) {
    claim(false, `${name}: walked to the end`, `${error.name}: ${error.message}`.slice(0, 600));
    code = 1;
    for (const context of browser.contexts()) for (const page of context.pages()) await shot(page, `stuck-${name.replaceAll(' ', '-')}`).catch(() => {});
    for (const context of browser.contexts()) await context.close();
  }
}
claim(complaints.length === 0, 'no page broke its content security policy or made the browser complain', complaints.slice(0, 5).join(' | '));
await browser.close();
listener.close();
process.exit(code);
