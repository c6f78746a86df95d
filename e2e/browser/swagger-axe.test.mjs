// What axe finds on the Swagger UI.

import { test } from 'node:test';

import { faultless, LOOKS } from './axe.mjs';
import { screenshot, visit } from './harness.mjs';
import { execute, operation, unfold } from './swagger.mjs';

for (const [name, options] of LOOKS) {
  test(`axe finds nothing on /docs/ (${name})`, async () => {
    const page = await visit(`/docs/#key=${process.env.GATEWAY_KEY}`, options);
    const forward = await operation(page);
    await screenshot(`docs-${name}`, page);
    await page.locator('.auth-wrapper > .btn.authorize').click();
    await page.locator('.auth-btn-wrapper button').first().click();
    await page.locator('#api_key_value').waitFor();
    await screenshot(`docs-${name}-key`, page);
    await faultless(page, 'the dialog');
    await page.locator('.close-modal').click();
    await execute(page, 'oc_browser');
    await unfold(page);
    await forward.locator('.tablinks[data-name="model"]').first().click();
    await forward.locator('.json-schema-2020-12__title', { hasText: 'ForwardBody' }).first().waitFor();
    await screenshot(`docs-${name}-answered`, page, { fullPage: true });
    await faultless(page, 'an answer, examples and a schema');
  });
}
