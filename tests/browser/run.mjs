// Every view of the built-in page in a real browser, with a real service: the demo's data, a blocked sink,
// no data, 10,000 meters, and a login. `./test browser` starts it.
//
//   node run.mjs [--images DIRECTORY]
//
// --images writes the screenshots of the demo there, as in docs/images. Else they go to a temporary directory.
import { strict as assert } from 'node:assert';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequire } from 'node:module';

const root = new URL('../..', import.meta.url).pathname;
// Beside the test servers, outside of the tree.
const modules = createRequire(join(process.env.METERLINE_BROWSER_MODULES ?? join(root, '.servers/browser'), 'package.json'));
const { chromium } = modules('playwright-core');
const axe = readFileSync(modules.resolve('axe-core/axe.min.js'), 'utf8');
const programs = process.env.METERLINE_PROGRAMS ?? join(root, 'target/debug');
const work = mkdtempSync(join(tmpdir(), 'meterline-browser-'));
const wanted = process.argv.indexOf('--images');
const images = wanted > 0 ? process.argv[wanted + 1] : join(work, 'images');
const PASSWORD = 'correct horse battery';
const STARTS_WITHIN_MS = 30_000;
/// Bounds of the page's brief.
const ASSETS_BYTES_MAX = 120_000, VIEW_BYTES_MAX = 500_000, IMAGE_BYTES_MAX = 120_000;

const DESKTOP = { width: 1120, height: 680 };
const PHONE = { width: 390, height: 844 };
const running = [];
const found = [];

// --- services ------------------------------------------------------------------

// Starts a program and waits until one of its lines matches.
function start(program, args, pattern, env = {}) {
  const child = spawn(join(programs, program), args, { cwd: work, env: { ...process.env, ...env } });
  running.push(child);
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (why) => reject(new Error(`${program} ${args.join(' ')}: ${why}\n${said}`));
    const timer = setTimeout(() => fail('did not start in time'), STARTS_WITHIN_MS);
    const read = (bytes) => {
      said += bytes;
      const found = said.replace(/\x1b\[[0-9;]*m/g, '').match(pattern);
      if (found) { clearTimeout(timer); resolve(found); }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (code) => { clearTimeout(timer); fail(`ended with ${code}`); });
  });
}

// A service with these lines of configuration; `before` gets its data directory.
async function service(name, lines = '', before = () => {}, env = {}) {
  const data = join(work, name);
  mkdirSync(data, { recursive: true });
  before(data);
  const file = join(work, `${name}.toml`);
  // Two addresses, because no port is fixed.
  writeFileSync(file, `data_directory = "${data}"\n[webhook]\nlisten = "127.0.0.2:0"\n[admin]\nlisten = "127.0.0.1:0"\n${lines}`);
  const pattern = /service started[^\n]*?webhook="?([\d.:]+)"?[^\n]*?admin="?([\d.:]+)/;
  const [, webhook, admin] = await start('meterline', ['run', '--config', file], pattern, env);
  return { url: `http://${admin}`, webhook: `http://${webhook}/smart-me` };
}

function post(webhook, meters, bodies) {
  const devices = String(Math.ceil(meters / bodies));
  execFileSync(join(programs, 'meterline-load'), ['post', '--url', webhook, '--meters', String(meters), '--devices', devices,
    '--bodies', String(bodies), '--connections', '1']);
}

async function until(what, check) {
  for (let tries = 0; tries < 300; tries++) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`not in time: ${what}`);
}

const json = async (url) => (await fetch(url)).json();

// --- checks of a page ------------------------------------------------------------

async function check(context, url, what, { script = true, keyboard = false } = {}) {
  const page = await context.newPage();
  const faults = [];
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) faults.push(`console: ${message.text()}`); });
  page.on('pageerror', (error) => faults.push(`script: ${error}`));
  page.on('request', (request) => { if (new URL(request.url()).origin !== new URL(url).origin) faults.push(`request to ${request.url()}`); });
  const answer = await page.goto(url, { waitUntil: 'load' });
  if (answer.status() !== 200) faults.push(`status ${answer.status()}`);
  const bytes = (await answer.body()).length;
  if (bytes > VIEW_BYTES_MAX) faults.push(`${bytes} bytes`);
  const policy = answer.headers()['content-security-policy'] ?? '';
  if (!policy.startsWith("default-src 'none'") || policy.includes('unsafe')) faults.push(`policy: ${policy}`);
  const [width, inner, inline] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth,
    document.querySelectorAll('[style], style, script:not([src])').length]);
  if (width > inner) faults.push(`${width} px wide on a screen of ${inner} px`);
  if (inline > 0) faults.push(`${inline} styles or scripts inside the page`);
  if (script) {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
    for (const { id, nodes } of violations) faults.push(`axe ${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`);
  }
  if (keyboard) faults.push(...await walk(page));
  // Every view is looked at before the run fails.
  found.push(...faults.map((fault) => `${what}: ${fault}`));
  return page;
}

// Goes through the first links and fields with the Tab key: each shows that it has the focus.
async function walk(page) {
  const faults = [];
  const seen = new Set();
  for (let steps = 0; steps < 12; steps++) {
    await page.keyboard.press('Tab');
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      const { outlineStyle } = getComputedStyle(element);
      const name = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent;
      return { name: (name ?? '').trim(), html: element.outerHTML.slice(0, 120), outlineStyle, tag: element.tagName };
    });
    if (!focus) break;
    if (focus.outlineStyle === 'none') faults.push(`no visible focus: ${focus.html}`);
    if (!focus.name && focus.tag !== 'SELECT') faults.push(`no name: ${focus.html}`);
    seen.add(focus.html);
  }
  if (seen.size < 5) faults.push(`only ${seen.size} elements can be reached by the keyboard`);
  return faults;
}

async function shot(page, name) {
  await page.evaluate(() => { document.activeElement?.blur(); scrollTo(0, 0); });
  mkdirSync(images, { recursive: true });
  const path = join(images, `${name}.png`);
  await page.screenshot({ path });
  const { size } = statSync(path);
  assert.ok(size < IMAGE_BYTES_MAX, `${name}.png has ${size} bytes`);
}

// --- scenes ------------------------------------------------------------------------

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(existsSync),
  args: ['--no-sandbox', '--disable-gpu'],
});

async function modes() {
  const context = (viewport, colorScheme, more = {}) => browser.newContext({ viewport, colorScheme, reducedMotion: 'reduce', ...more });
  return {
    desktop: await context(DESKTOP, 'light'),
    dark: await context(DESKTOP, 'dark'),
    phone: await context(PHONE, 'light', { isMobile: true, hasTouch: true }),
    'phone-dark': await context(PHONE, 'dark', { isMobile: true, hasTouch: true }),
    plain: await context(PHONE, 'light', { javaScriptEnabled: false }),
  };
}

async function views(url) {
  const all = { now: '/', meters: '/meters', flow: '/flow', trouble: '/trouble' };
  // The demo's solar roof has two weeks of history; elsewhere any meter.
  const search = async (text) => (await fetch(`${url}/meters?search=${text}`)).text();
  const [roof, any] = [await search('solar'), await search('')];
  const list = roof.includes('href="/meter/') ? roof : any;
  const meter = list.match(/href="(\/meters?\/[^"?#]+)/);
  if (meter) all.meter = meter[1];
  return all;
}

async function scene(name, url, { pictures = [], in: chosen } = {}) {
  const contexts = await modes();
  for (const [mode, context] of Object.entries(contexts)) {
    if (chosen && !chosen.includes(mode)) continue;
    for (const [view, path] of Object.entries(await views(url))) {
      const options = { script: mode !== 'plain', keyboard: mode === 'desktop' };
      const page = await check(context, url + path, `${name}, ${view}, ${mode}`, options);
      if (pictures.includes(mode) && view !== 'meters') await shot(page, `${view}-${mode}`);
      await page.close();
    }
  }
  for (const context of Object.values(contexts)) await context.close();
  console.log(`done: ${name}`);
}

async function demo() {
  const [, url] = await start('meterline', ['demo', '--data', join(work, 'demo'), '--all-vendors'], /(http:\/\/[\d.:]+)\/(?=\s)/);
  await until('the demo has meters', async () => (await json(`${url}/status.json`)).meters.newest.length > 5);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  await scene('the demo', url, { pictures: ['desktop', 'phone', 'dark'] });
  const assets = await Promise.all(['style.css', 'script.js', 'icon.svg'].map(async (it) => (await (await fetch(`${url}/${it}`)).blob()).size));
  assert.ok(assets.reduce((sum, size) => sum + size) < ASSETS_BYTES_MAX, `${assets}`);
}

async function blocked() {
  // The store's file is no database.
  const { url, webhook } = await service('blocked', '', (data) => writeFileSync(join(data, 'meterline.sqlite'), 'x'.repeat(8192)));
  post(webhook, 20, 20);
  await until('a trouble', async () => (await json(`${url}/status.json`)).trouble.count > 0);
  const { meter } = (await json(`${url}/status.json`)).meters.newest[0];
  assert.equal((await fetch(`${url}/meter/${meter}.csv`)).status, 503);
  await scene('a blocked sink', url, { in: ['desktop', 'phone-dark', 'plain'] });
  const page = await (await browser.newContext({ viewport: PHONE, colorScheme: 'dark' })).newPage();
  await page.goto(`${url}/trouble`);
  const text = await page.locator('main').innerText();
  for (const says of ['sqlite', 'meterline check --connect', 'Nothing is lost']) assert.ok(text.includes(says), `${says}: ${text}`);
  assert.match(await page.title(), /^▲ /);
  await shot(page, 'trouble-blocked-phone-dark');
}

async function nothing() {
  const { url, webhook } = await service('nothing');
  await scene('no data', url, { in: ['desktop', 'phone-dark', 'plain'] });
  const page = await (await browser.newContext({ viewport: DESKTOP })).newPage();
  await page.goto(`${url}/trouble`);
  assert.match(await page.title(), /^● /);
  assert.match(await page.locator('main').innerText(), /nothing needs you/);
  // The head of a page that stays open follows, also where no part of the page does.
  await page.goto(`${url}/meters`);
  const file = join(work, 'nothing.toml');
  writeFileSync(file, 'nonsense');
  running.find((child) => child.spawnargs.includes(file)).kill('SIGHUP');
  await page.locator('#state').getByText('1 thing needs you').waitFor();
  assert.match(await page.title(), /^▲ Meters/);
  // The first meter appears on an open page, and each further one, which keeps its live values.
  await page.goto(url);
  await page.getByText('No meter has sent anything yet').waitFor();
  post(webhook, 1, 1);
  await page.locator('[data-meter]').waitFor();
  await page.evaluate(() => { window.isKept = true; });
  post(webhook, 2, 1);
  await page.locator('[data-meter]').nth(1).waitFor({ timeout: 60_000 });
  assert.ok(await page.evaluate(() => window.isKept), 'the page was loaded again');
}

async function many() {
  const { url, webhook } = await service('many');
  post(webhook, 10_000, 100);
  await scene('10,000 meters', url, { in: ['desktop', 'phone-dark', 'plain'] });
}

async function login() {
  const { url } = await service('login', 'password_env = "ADMIN_PASSWORD"\n', () => {}, { ADMIN_PASSWORD: PASSWORD });
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport: PHONE, colorScheme });
    const page = await check(context, `${url}/flow`, `the login, ${colorScheme}`);
    if (colorScheme === 'light') await shot(page, 'login-phone');
    await page.getByLabel('Password').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Password').fill(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Flow' }).waitFor();
    assert.equal(new URL(page.url()).pathname, '/flow');
    const [cookie] = await context.cookies();
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Strict']);
    // A page that stays open when its session ends leads to the login.
    await context.clearCookies();
    await page.getByLabel('Password').waitFor();
    await context.close();
  }
  console.log('done: the login');
}

let status = 0;
try {
  const all = [demo, blocked, nothing, many, login];
  const results = await Promise.allSettled(all.map((run) => run()));
  for (const { reason } of results.filter((result) => result.status === 'rejected')) {
    status = 1;
    console.error(`FAILED: ${reason?.message ?? reason}`);
  }
  for (const fault of found) console.error(`FAILED: ${fault}`);
  if (found.length > 0) status = 1;
} finally {
  await browser.close();
  for (const child of running) { child.removeAllListeners('exit'); child.kill('SIGKILL'); }
  if (status === 0 && wanted < 0) rmSync(work, { recursive: true, force: true });
  else console.log(`screenshots: ${images}`);
}
process.exit(status);
