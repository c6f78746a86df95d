// How long the page keeps a key.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { visit } from './harness.mjs';
import { authorize, execute, logOut, operation } from './swagger.mjs';

const keep = (page) => page.getByRole('checkbox', { name: 'Keep my key in this browser' });
const kept = (page) => page.evaluate((key) => JSON.stringify(localStorage).includes(key), process.env.GATEWAY_KEY);
const reload = async (page) => {
  await page.reload();
  await operation(page);
};

test('a key is gone after a reload', async () => {
  const page = await visit('/docs/');
  await authorize(page);
  assert.equal((await execute(page, 'oc_browser')).status, 200);
  assert.equal(await kept(page), false);
  await reload(page);
  assert.equal((await execute(page, 'oc_browser')).status, 401);
});

test('a key is kept for who asks for it, before or after showing it', async () => {
  for (const isFirst of [true, false]) {
    const page = await visit('/docs/');
    if (isFirst) await keep(page).check();
    await authorize(page);
    if (!isFirst) await keep(page).check();
    await reload(page);
    assert.equal(await keep(page).isChecked(), true);
    assert.equal((await execute(page, 'oc_browser')).status, 200);
  }
});

test('a key that was kept is gone when it is not to be kept any longer', async () => {
  const page = await visit('/docs/');
  await authorize(page);
  await keep(page).check();
  assert.equal(await kept(page), true);
  await keep(page).uncheck();
  assert.equal(await kept(page), false);
  await reload(page);
  assert.equal(await keep(page).isChecked(), false);
  assert.equal((await execute(page, 'oc_browser')).status, 401);
});

test('a key that was kept is gone after logging out', async () => {
  const page = await visit('/docs/');
  await keep(page).check();
  await authorize(page);
  await logOut(page);
  assert.equal(await kept(page), false);
});

const linked = (key) => `/docs/#key=${key}`;
const isAuthorized = (page) => page.locator('.auth-wrapper > .btn.authorize.locked').isVisible();

test('a link that `dev` prints fills the key in, and leaves it neither in the address bar nor in the browser', async () => {
  const page = await visit(linked(process.env.GATEWAY_KEY));
  await operation(page);
  assert.equal(new URL(page.url()).hash, '#/messages/forward_message');
  assert.equal(await kept(page), false);
  assert.equal((await execute(page, 'oc_browser')).status, 200);
  await page.goBack();
  assert.ok(!page.url().includes('key='), page.url());
});

test('a link with a key works on the page that is open already', async () => {
  const page = await visit('/docs/#/problems/get_problem');
  await page.locator('#operations-problems-get_problem button.execute').waitFor();
  await page.evaluate((link) => location.assign(link), linked(process.env.GATEWAY_KEY).slice('/docs/'.length));
  await page.locator('.auth-wrapper > .btn.authorize.locked').waitFor();
  assert.ok(!page.url().includes('key='), page.url());
});

test('what does not look like a key is taken out of the address bar and is not filled in', async () => {
  for (const key of ['', 'ffg_', `${process.env.GATEWAY_KEY}1`, process.env.GATEWAY_KEY.slice(1)]) {
    const page = await visit(linked(key));
    await operation(page);
    assert.equal(await isAuthorized(page), false, key);
    assert.ok(!page.url().includes('key='), page.url());
  }
});

test('a link with a key does not replace a key that the browser keeps', async () => {
  const page = await visit('/docs/');
  await keep(page).check();
  await authorize(page);
  const stored = () => page.evaluate(() => localStorage.getItem('authorized'));
  const before = await stored();
  const other = `ffg_${'a'.repeat(12)}_${'b'.repeat(49)}`;
  await page.evaluate((link) => location.assign(link), linked(other).slice('/docs/'.length));
  await page.waitForFunction(() => !location.hash.startsWith('#key='));
  assert.ok(before.includes(process.env.GATEWAY_KEY));
  assert.equal(await stored(), before);
});
