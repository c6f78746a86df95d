// What axe finds on the Swagger UI: nothing, without an exception.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import axe from 'axe-core';

import { screenshot, visit } from './harness.mjs';
import { execute, operation, unfold } from './swagger.mjs';

const look = async (page, part) => {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  assert.deepEqual(found, [], part);
  // It has looked, also at colours.
  assert.ok(passes.some(({ id }) => id === 'color-contrast'), part);
};

for (const locale of ['en-US', 'zh-CN']) {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 390]) {
      const name = `${locale.slice(0, 2)}-${colorScheme}-${width}`;

      test(`axe finds nothing on /docs/ (${name})`, async () => {
        const page = await visit(`/docs/#key=${process.env.GATEWAY_KEY}`, { locale, colorScheme, width });
        const forward = await operation(page);
        await screenshot(`docs-${name}`, page);
        await page.locator('.auth-wrapper > .btn.authorize').click();
        await page.locator('.auth-btn-wrapper button').first().click();
        await page.locator('#api_key_value').waitFor();
        await screenshot(`docs-${name}-key`, page);
        await look(page, 'the dialog');
        await page.locator('.close-modal').click();
        await execute(page, 'oc_browser');
        await unfold(page);
        await forward.locator('.tablinks[data-name="model"]').first().click();
        await forward.locator('.json-schema-2020-12__title', { hasText: 'ForwardBody' }).first().waitFor();
        await screenshot(`docs-${name}-answered`, page, { fullPage: true });
        await look(page, 'an answer, examples and a schema');
      });
    }
  }
}
