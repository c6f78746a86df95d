// A browser of a newcomer's: nothing kept, no way to any other host, and all that it complains of.

import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';

import { chromium } from 'playwright-core';

const { GATEWAY_URL, SCREENSHOTS, CHROMIUM } = process.env;

const EXPECTED = [
  // What Chromium itself says of each answer of 4xx.
  'Failed to load resource: the server responded with a status of 4',
  // What Swagger UI says of a link to any operation that has `_` in its name.
  'Warning: escaping deep link whitespace with `_`',
];

let browser;
const visits = [];

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

// Opens a path of the gateway's, or of another `origin`, in a browser that was never here. `complaints` fills with whatever the
// console says, and a policy that was broken is said there too. What begins as one of `expected` is none.
export const visit = async (path, { origin = GATEWAY_URL, width = 1280, height = 1000, expected = [], ...options } = {}) => {
  const context = await browser.newContext({ viewport: { width, height }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints = [];
  const requests = [];
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => complaints.push(`${error}`));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  visits.push({ context, origin, complaints, requests, expected: [...EXPECTED, ...expected] });
  await page.goto(origin + path);
  return page;
};

afterEach(async () => {
  for (const { context, origin, complaints, requests, expected } of visits.splice(0)) {
    await context.close();
    const isOwn = (url) => ['', 'blob:'].some((scheme) => url.startsWith(`${scheme}${origin}/`));
    const foreign = requests.filter((url) => !isOwn(url) && !url.startsWith('data:'));
    assert.deepEqual(foreign, []);
    assert.deepEqual(complaints.filter((text) => !expected.some((start) => text.startsWith(start))), []);
  }
});

// The whole page, or one part of it.
export const screenshot = (name, part, options = {}) =>
  part.screenshot({ path: `${SCREENSHOTS}/${name}.png`, ...options });

// How much further than the window the page goes to the right.
export const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

export const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
