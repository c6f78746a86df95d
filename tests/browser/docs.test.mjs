// The Swagger UI, used as a newcomer uses it: show a key, forward a message, meet two problems.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { chromium } from 'playwright-core';

const { PAGE_URL, GATEWAY_KEY, SIMULATOR_URL, SCREENSHOTS, CHROMIUM } = process.env;

let browser;
let page;
let requests;
let complaints;

before(async () => {
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      // Root, as in a container, has no sandbox.
      '--no-sandbox',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Whatever a page or the browser itself wants from elsewhere is not even looked up.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  });
});

after(() => browser?.close());

beforeEach(async () => {
  page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
  page.setDefaultTimeout(15_000);
  requests = [];
  complaints = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => complaints.push(`${error}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(PAGE_URL);
});

afterEach(async () => {
  await page.close();
  const { origin } = new URL(PAGE_URL);
  const foreign = requests.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith('data:'));
  assert.deepEqual(foreign, []);
});

// The whole page, or one part of it.
const screenshot = (name, part = page, options = {}) =>
  part.screenshot({ path: `${SCREENSHOTS}/${name}.png`, ...options });

const inKeyDialog = async (act) => {
  await page.locator('.auth-wrapper > .btn.authorize').click();
  const dialog = page.locator('.dialog-ux');
  const scheme = dialog.locator('.auth-container').filter({ hasText: 'X-API-Key' });
  await act(scheme);
  await scheme.getByRole('button', { name: 'Close' }).click();
  await dialog.waitFor({ state: 'detached' });
};

const authorize = () =>
  inKeyDialog(async (scheme) => {
    await scheme.locator('input').fill(GATEWAY_KEY);
    await scheme.locator('button.authorize').click();
    await scheme.locator('button', { hasText: 'Logout' }).waitFor();
    await screenshot('authorized');
  });

const logOut = () => inKeyDialog((scheme) => scheme.locator('button', { hasText: 'Logout' }).click());

const operation = async () => {
  const forward = page.locator('#operations-messages-forward_message');
  if ((await forward.locator('.opblock-body').count()) === 0) {
    await forward.locator('.opblock-summary-control').click();
  }
  const execute = forward.locator('button.execute');
  const tryIt = forward.getByRole('button', { name: 'Try it out' });
  await execute.or(tryIt).first().waitFor();
  if ((await execute.count()) === 0) await tryIt.click();
  return forward;
};

// Fills the form in, executes, and reads the answer from the page.
const execute = async (receiveId) => {
  const forward = await operation();
  await forward.locator('[data-param-name="message_id"] input').fill('om_dc13264520392913993dd051dba21dcf');
  await forward.locator('textarea.body-param__text').fill(JSON.stringify({ receive_id: receiveId }));
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  await forward.locator('button.execute').click();
  const status = (await answered).status();
  const answer = forward.locator('.live-responses-table .response');
  await answer.locator('.response-col_status', { hasText: String(status) }).waitFor();
  const body = await answer.locator('.response-col_description .highlight-code code').first().innerText();
  // The request and the answer, without the table of every answer that could have been.
  await screenshot(`answer-${status}`, forward.locator('div:has(> .live-responses-table)'));
  return { status, body: JSON.parse(body) };
};

const ledger = async () => (await fetch(`${SIMULATOR_URL}/_simulator/ledger`)).json();

test('the page shows the API, and nothing complains', async () => {
  await page.locator('#operations-messages-forward_message').waitFor();
  await screenshot('page');
  const forward = await operation();
  await screenshot('operation', page, { fullPage: true });
  // What the page fills in by itself is sent, so only what is required may be.
  const optional = forward.locator('tr[data-param-name]:not(:has(.required)) :is(input, select)');
  for (const field of await optional.all()) assert.equal(await field.inputValue(), '');
  assert.deepEqual(await page.locator('.errors-wrapper').allInnerTexts(), []);
  assert.deepEqual(complaints, []);
});

test('a message is forwarded from the page', async () => {
  await authorize();
  const { status, body } = await execute('oc_browser');
  assert.equal(status, 200);
  assert.match(body.message_id, /^om_/);
  const { deliveries } = await ledger();
  const delivered = deliveries.find((delivery) => delivery.new_message_id === body.message_id);
  assert.equal(delivered?.receive_id, 'oc_browser');
  assert.deepEqual(complaints, []);
});

test('without a key the page shows 401, and with one Feishu’s refusal as 403', async () => {
  await authorize();
  const refused = await execute('oc_code_230002');
  assert.equal(refused.status, 403);
  assert.equal(refused.body.code, 'bot_not_in_chat');
  assert.equal(refused.body.feishu.code, 230002);

  await logOut();
  const unauthorized = await execute('oc_browser');
  assert.equal(unauthorized.status, 401);
  assert.equal(unauthorized.body.code, 'unauthorized');
  // Chromium itself reports each answer of 4xx, and that is all there may be.
  assert.deepEqual(complaints.filter((text) => !text.startsWith('Failed to load resource: ')), []);
});
