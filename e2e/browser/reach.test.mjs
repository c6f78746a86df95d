// The Swagger UI for those without a mouse, a wide screen or a light one.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { background, overflow, screenshot, visit } from './harness.mjs';
import { authorize, execute, operation, read, unfold } from './swagger.mjs';

// Presses Tab until this part of the page has the focus, if it has not got it already.
const tabTo = async (page, part) => {
  await part.waitFor();
  for (let presses = 0; presses < 60; presses += 1) {
    if (await part.evaluate((found) => found === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not lead to ${part}`);
};

test('a key is shown and a message forwarded by Tab and Enter alone', async () => {
  const page = await visit('/docs/');
  const forward = await operation(page);
  await tabTo(page, page.locator('.auth-wrapper > .btn.authorize'));
  await page.keyboard.press('Enter');
  // Swagger UI puts the focus where a key can be written.
  await page.locator('.auth-container input:focus').waitFor();
  await page.keyboard.type(process.env.GATEWAY_KEY);
  await page.keyboard.press('Enter');
  await page.locator('.auth-container button', { hasText: 'Logout' }).waitFor();
  await tabTo(page, page.locator('.auth-container').getByRole('button', { name: 'Close' }).last());
  await page.keyboard.press('Enter');
  await page.locator('.dialog-ux').waitFor({ state: 'detached' });
  await tabTo(page, forward.locator('button.execute'));
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  await page.keyboard.press('Enter');
  assert.equal((await read(forward, await answered)).status, 200);
});

for (const width of [320, 390]) {
  test(`a message is forwarded on a phone of ${width} pixels`, async () => {
    const page = await visit('/docs/', { width, height: 640, hasTouch: true, isMobile: true });
    const forward = await operation(page);
    await screenshot(`docs-phone-${width}`, page, { fullPage: true });
    assert.equal(await overflow(page), 0);
    await authorize(page);
    assert.equal((await execute(page, 'oc_browser')).status, 200);
    await unfold(page);
    await screenshot(`docs-phone-${width}-answered`, page, { fullPage: true });
    assert.equal(await overflow(page), 0);
    // Nothing is cut off either.
    const cut = await forward.evaluate((part) => {
      const { right } = part.getBoundingClientRect();
      const isCut = (found) => found.checkVisibility() && found.getBoundingClientRect().right > right + 1;
      return [...part.querySelectorAll('p, li, td, pre, code, button, input, select, textarea')].filter(isCut).map((it) => it.outerHTML);
    });
    assert.deepEqual(cut, []);
  });
}

test('a code breaks after an underscore, and can be searched and copied whole', async () => {
  const page = await visit('/docs/', { width: 320 });
  const forward = await operation(page);
  const code = forward.locator('.renderedMarkdown code', { hasText: /^message_type_unsupported$/ }).first();
  assert.equal(await code.innerHTML(), 'message_<wbr>type_<wbr>unsupported');
});

test('the page is dark where the reader’s other pages are', async () => {
  const page = await visit('/docs/', { colorScheme: 'dark' });
  await operation(page);
  await screenshot('docs-dark', page);
  assert.equal(await background(page), 'rgb(28, 32, 34)');
  const color = (part) => page.locator(part).first().evaluate((found) => getComputedStyle(found).color);
  const luminance = (rgb) => rgb.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
  for (const part of ['.info .title', '.opblock-summary-description', '.parameter__name', 'header label']) {
    assert.ok(luminance(await color(part)) > 160, `${part}: ${await color(part)}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.waitForFunction(() => getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)');
});

test('a link to an operation opens it', async () => {
  const page = await visit('/docs/#/problems/get_problem');
  await page.locator('#operations-problems-get_problem button.execute').waitFor();
  assert.equal(await page.locator('#operations-messages-forward_message .opblock-body').count(), 0);
});
