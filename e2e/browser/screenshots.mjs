// The pictures of the documentation: Swagger UI and the console, in both languages.

import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import UPNG from 'upng-js';

import { api, opened, receivers, signIn } from './console.mjs';
import { visit } from './harness.mjs';
import { operation } from './swagger.mjs';

const { GATEWAY_KEY, PICTURES } = process.env;
const SIZE = { width: 1200, height: 800 };

// Pages have few colours, so a palette of 256 loses nothing that one sees.
const write = async (name, page) => {
  const { width, height, ...image } = UPNG.decode(await page.screenshot());
  const [pixels] = UPNG.toRGBA8({ width, height, ...image });
  await writeFile(`${PICTURES}/${name}.png`, Buffer.from(UPNG.encode([pixels], width, height, 256)));
};

// Starts a broadcast that reaches most of its receivers, and returns its id when it has ended.
const broadcast = async () => {
  const refused = ['oc_code_230002', 'oc_code_230013', 'oc_code_230035'].map((code) => receivers(1, code)[0]);
  const everybody = [...receivers(97), ...refused].map((id) => ({ receive_id: id }));
  const { id } = await api('messages/om_dc13264520392913993dd051dba21dcf/broadcasts', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': randomUUID() },
    body: JSON.stringify({ receivers: everybody }),
  });
  while ((await api(`broadcasts/${id}`, { headers: { Prefer: 'wait=5' } })).state === 'running');
  return id;
};

for (const [language, locale] of [['en', 'en-US'], ['zh', 'zh-CN']]) {
  test(`Swagger UI (${language})`, async () => {
    const page = await visit(`/docs/#key=${GATEWAY_KEY}`, { ...SIZE, locale });
    await operation(page);
    // Not the port that the system chose this time.
    await page.locator('.info .url').evaluate((url) => {
      url.textContent = url.textContent.replace(location.port, '8080');
    });
    await write(`docs-${language}`, page);
  });

  test(`the console (${language})`, async () => {
    const id = await broadcast();
    const page = await visit(`/console/#${id}`, { ...SIZE, locale });
    await signIn(page);
    await opened(page);
    await page.locator('#groups summary').first().click();
    await page.locator('#groups li').first().waitFor();
    await write(`console-${language}`, page);
  });
}
