// The Swagger UI in Chinese.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { visit } from './harness.mjs';
import { execute, operation, unfold } from './swagger.mjs';

const CHINESE = { locale: 'zh-CN' };

// What programs call things, in whichever language people read.
const TERMS = /^(any|array<.+>|boolean|cURL \(\w+\)|\(\w+ \| \w+\)|header|int32|integer|object|path|query|string|GET|OAS [\d.]+|POST)$/;

// The texts of Swagger UI itself that are not in Chinese. Names, examples and descriptions are the document's.
const english = (page) =>
  page.evaluate((terms) => {
    const ofDocument = 'pre, code, textarea, select, .renderedMarkdown, .info, .opblock-tag, .opblock-summary, .parameter__name, ' +
      '.header-col, .json-schema-2020-12__title';
    const isTerm = (text) => new RegExp(terms).test(text);
    const texts = [];
    const walker = document.createTreeWalker(document.querySelector('#swagger-ui'), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const { data, parentElement } = walker.currentNode;
      if (!parentElement.closest(ofDocument)) texts.push(data.trim());
    }
    return texts.filter((text) => /[a-z]{2}/i.test(text) && !/\p{Script=Han}/u.test(text) && !isTerm(text));
  }, TERMS.source);

test('a reader of Chinese reads Chinese, whatever the page shows', async () => {
  const page = await visit(`/docs/#key=${process.env.GATEWAY_KEY}`, CHINESE);
  const forward = await operation(page);
  assert.equal(await page.getAttribute('html', 'lang'), 'zh');
  assert.ok((await page.locator('.info .url').innerText()).endsWith('/openapi.json?lang=zh'));
  await page.getByRole('checkbox', { name: '在此浏览器中保存我的密钥' }).waitFor();
  assert.deepEqual(await english(page), []);
  await page.getByRole('button', { name: '授权', exact: true }).click();
  await page.getByRole('heading', { name: '授权方式' }).waitFor();
  assert.deepEqual(await english(page), []);
  await page.locator('.auth-btn-wrapper').getByRole('button', { name: '关闭' }).click();
  await execute(page, 'oc_browser');
  await forward.getByRole('heading', { name: '服务器响应' }).waitFor();
  await unfold(page);
  assert.deepEqual(await english(page), []);
  await page.getByRole('button', { name: '数据结构' }).click();
  await page.locator('.json-schema-2020-12__title', { hasText: 'BroadcastCounts' }).waitFor();
  assert.deepEqual(await english(page), []);
  const names = await page.locator('#swagger-ui [aria-label]').evaluateAll((parts) => parts.map((it) => it.getAttribute('aria-label')));
  assert.ok(names.includes('复制') && names.includes('请求体'), names.join());
});

test('a button that Swagger UI changes stays Chinese', async () => {
  const page = await visit('/docs/', CHINESE);
  const forward = await operation(page);
  for (const name of ['取消', '调试', '取消']) await forward.getByRole('button', { name, exact: true }).click();
});

test('what the gateway and the caller say is not translated', async () => {
  const page = await visit(`/docs/#key=${process.env.GATEWAY_KEY}`, CHINESE);
  const { body } = await execute(page, 'Description');
  assert.equal(body.chat_id, 'Description');
});

test('a reader who chooses the other language stays at the operation', async () => {
  const page = await visit('/docs/#/problems/get_problem');
  const explain = page.locator('#operations-problems-get_problem');
  await explain.getByRole('button', { name: 'Execute' }).waitFor();
  await page.getByRole('link', { name: '中文' }).click();
  await explain.getByRole('button', { name: '发送请求' }).waitFor();
  await page.getByRole('link', { name: 'English' }).click();
  await explain.getByRole('button', { name: 'Execute' }).waitFor();
});
