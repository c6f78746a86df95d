// How the console is used.

import { visit } from './harness.mjs';

const { GATEWAY_KEY, GATEWAY_URL } = process.env;

export const signIn = async (page, key = GATEWAY_KEY) => {
  await page.locator('#api-key').fill(key);
  await page.locator('#key button').click();
};

// A page behind the key. It is ready once the list of broadcasts is there.
export const enter = async (options = {}, path = '/console/') => {
  const page = await visit(path, options);
  await signIn(page);
  await page.locator('#list table, #none').locator('visible=true').first().waitFor();
  return page;
};

export const write = async (page, message, receivers) => {
  await page.locator('#message').fill(message);
  await page.locator('#receivers').fill(receivers.join('\n'));
};

// Has the broadcast looked at before it starts.
export const check = async (page) => {
  await page.locator('#check').click();
  await page.locator('#preview').waitFor();
};

// Starts a broadcast, and returns its id.
export const start = async (page, message, receivers) => {
  await write(page, message, receivers);
  await check(page);
  await page.locator('#go').click();
  return opened(page);
};

export const opened = async (page) => {
  await page.locator('#shown').waitFor();
  return new URL(page.url()).hash.slice(1);
};

// A text of the page, apart from what it says to a screen reader.
export const shown = (page, text, options) => page.getByRole('main').getByText(text, options);

// Waits until the page says that the broadcast has ended. A machine may be slow, and the app's limits are shared.
export const ended = (page) => shown(page, /^(Completed|Canceled): .*, finished /).waitFor({ timeout: 120_000 });

export const api = async (path, options = {}) => {
  const headers = { 'X-API-Key': GATEWAY_KEY, ...options.headers };
  const answer = await fetch(`${GATEWAY_URL}/v1/${path}`, { ...options, headers });
  return answer.json();
};

// Receivers that no other test has: what one gets in a second is bounded. (Each file of tests is a process of its own.)
let made = 0;
export const receivers = (count, begin = 'oc_console') =>
  Array.from({ length: count }, () => `${begin}_${process.pid}_${made += 1}`);
