// The console for those without a mouse, a wide screen, a light one, or sight.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { faultless, LOOKS } from './axe.mjs';
import { check, ended, enter, opened, receivers, shown, start, write } from './console.mjs';
import { background, overflow, screenshot, visit } from './harness.mjs';

// Presses Tab until this part of the page has the focus. What is in between is passed with Tab alone.
const tabTo = async (page, part) => {
  await part.waitFor();
  for (let presses = 0; presses < 80; presses += 1) {
    if (await part.evaluate((found) => found === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not lead to ${part}`);
};

// The width of the ring around what has the focus, or around what stands for it.
const ring = (page) =>
  page.evaluate(() => {
    const shown = [document.activeElement, document.activeElement.parentElement].map((it) => getComputedStyle(it));
    return Math.max(...shown.map((it) => (it.outlineStyle === 'none' ? 0 : Number.parseFloat(it.outlineWidth))));
  });

test('a broadcast is started, canceled and sent again by the keyboard alone', async () => {
  const page = await visit('/console/');
  await page.locator('#api-key:focus').waitFor();
  await page.keyboard.type(process.env.GATEWAY_KEY);
  await page.keyboard.press('Enter');
  await tabTo(page, page.locator('#message'));
  assert.ok((await ring(page)) >= 2);
  await page.keyboard.type('om_console');
  await tabTo(page, page.locator('#receivers'));
  assert.ok((await ring(page)) >= 2);
  const refused = receivers(1, 'oc_code_230002')[0];
  for (const id of ['oc 1', refused]) {
    await page.keyboard.type(id);
    await page.keyboard.press('Enter');
  }
  // Tab leaves the field.
  await tabTo(page, page.locator('#file'));
  assert.ok((await ring(page)) >= 2);
  await tabTo(page, page.locator('#check'));
  await page.keyboard.press('Enter');
  await page.locator('#mistakes-title:focus').waitFor();
  await tabTo(page, page.getByRole('button', { name: 'Line 1' }));
  await page.keyboard.press('Enter');
  await page.locator('#receivers:focus').waitFor();
  await page.keyboard.press('Delete');
  await tabTo(page, page.locator('#check'));
  await page.keyboard.press('Enter');
  await page.locator('#preview-title:focus').waitFor();
  await tabTo(page, page.locator('#go'));
  await page.keyboard.press('Enter');
  await page.locator('#broadcast-title:focus').waitFor();
  await ended(page);
  await tabTo(page, page.locator('#groups summary'));
  await page.keyboard.press('Enter');
  await shown(page, refused).waitFor();
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Shift+Tab');
  await tabTo(page, page.locator('#retry'));
  await page.keyboard.press('Enter');
  await tabTo(page, page.getByRole('button', { name: 'Send again', exact: true }));
  await page.keyboard.press('Enter');
  await shown(page, 'sent again to the failed ones of').waitFor();
  await ended(page);
});

test('no view of the console has a fault that axe finds, in any colour, language or width', async () => {
  const first = await enter();
  const done = await start(first, 'om_console', [...receivers(2), ...receivers(2, 'oc_code_230002')]);
  await ended(first);
  for (const [name, options] of LOOKS) {
    const look = async (page, view) => {
      await screenshot(`console-${view}-${name}`, page, { fullPage: true });
      assert.equal(await overflow(page), 0, `${view} ${name}`);
      await faultless(page, `${view} ${name}`);
    };
    await look(await visit('/console/', options), 'key');
    const page = await enter(options);
    await look(page, 'start');
    await write(page, 'oc_1', ['oc_1', 'oc_1', 'oc_2, group_id']);
    await page.locator('#check').click();
    await page.locator('#message-mistake').waitFor();
    await look(page, 'mistakes');
    await write(page, 'om_console', receivers(2));
    await check(page);
    await look(page, 'preview');
    await page.goto(`${page.url().split('#')[0]}#${done}`);
    await opened(page);
    await page.locator('#groups summary').click();
    await page.locator('#groups li').first().waitFor();
    await look(page, 'broadcast');
    await page.locator('#retry').click();
    await page.locator('#confirm').waitFor();
    await look(page, 'dialog');
  }
});

test('the console is dark where the reader’s other pages are', async () => {
  const page = await visit('/console/', { colorScheme: 'dark' });
  assert.equal(await background(page), 'rgb(16, 21, 28)');
});

test('progress is said at most every five seconds, its end at once', async () => {
  const page = await enter();
  await page.evaluate(() => {
    globalThis.heard = [];
    const heard = document.querySelector('#heard');
    new MutationObserver(() => globalThis.heard.push([performance.now(), heard.textContent])).observe(heard, { childList: true });
  });
  // A quarter of a minute, as an app may call.
  await start(page, 'om_console', receivers(250));
  await ended(page);
  await page.getByRole('status').getByText(/Completed/).waitFor();
  const heard = await page.evaluate(() => globalThis.heard);
  const progress = heard.filter(([, text]) => / done, /.test(text)).map(([at]) => at);
  const pauses = progress.slice(1).map((at, place) => at - progress[place]);
  assert.ok(pauses.length > 0, 'it went on for long enough');
  assert.ok(pauses.every((pause) => pause >= 4_990), pauses.join());
  assert.equal(heard.filter(([, text]) => text.startsWith('Completed')).length, 1);
});
