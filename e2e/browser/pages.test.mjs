// The pages that explain the service and its problems.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import axe from 'axe-core';

import { background, overflow, screenshot, visit } from './harness.mjs';

const PAGES = [
  ['home', '/'],
  ['problems', '/problems'],
  ['problem', '/problems/bot_not_in_chat'],
  ['problem-of-many-codes', '/problems/credentials_rejected'],
];
const PHONE = { width: 360, height: 740 };

const heading = (page) => page.getByRole('heading', { level: 1 }).innerText();

test('a first visit leads from what the service is to what went wrong', async () => {
  const page = await visit('/');
  assert.equal(await heading(page), 'feishu-forward-gateway');
  await page.getByRole('main').getByRole('link', { name: 'Problems' }).click();
  assert.equal(await heading(page), 'Problems');
  await page.getByRole('link', { name: 'The bot is not in the chat' }).click();
  assert.equal(new URL(page.url()).pathname, '/problems/bot_not_in_chat');
  assert.equal(await heading(page), 'The bot is not in the chat');
  await page.getByText("Add the app's bot to the chat that receives the message.", { exact: true }).waitFor();
  await page.getByRole('cell', { name: 'The bot can not be outside the group.' }).waitFor();
});

test('a reader of Chinese reads Chinese', async () => {
  const page = await visit('/problems', { locale: 'zh-CN' });
  assert.equal(await page.getAttribute('html', 'lang'), 'zh');
  await page.getByRole('link', { name: '机器人不在群中' }).click();
  assert.equal(await heading(page), '机器人不在群中');
  await page.getByText('把应用机器人拉进接收消息的群。', { exact: true }).waitFor();
});

test('a language that was chosen stays chosen on the next page', async () => {
  const page = await visit('/');
  await page.getByRole('link', { name: '中文' }).click();
  await page.getByRole('main').getByRole('link', { name: '错误说明' }).click();
  assert.equal(await heading(page), '错误说明');
  await page.getByRole('link', { name: '机器人不在群中' }).click();
  assert.equal(await heading(page), '机器人不在群中');
  await page.getByRole('link', { name: 'English' }).click();
  assert.equal(await heading(page), 'The bot is not in the chat');
});

for (const [name, path] of PAGES) {
  for (const locale of ['en-US', 'zh-CN']) {
    const language = locale.slice(0, 2);

    test(`${path} fits a phone (${language})`, async () => {
      const page = await visit(path, { ...PHONE, locale });
      assert.equal(await overflow(page), 0);
      const beyond = (main) => main.scrollWidth - main.clientWidth;
      assert.equal(await page.getByRole('main').evaluate(beyond), 0);
      await screenshot(`${name}-phone-${language}`, page, { fullPage: true });
    });

    for (const colorScheme of ['light', 'dark']) {
      test(`axe finds nothing on ${path} (${language}, ${colorScheme})`, async () => {
        const page = await visit(path, { colorScheme, locale });
        await screenshot(`${name}-${colorScheme}-${language}`, page, { fullPage: true });
        await page.evaluate(axe.source);
        const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
        const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
        assert.deepEqual(found, []);
        // It has looked, also at colours.
        assert.ok(passes.some(({ id }) => id === 'color-contrast'));
      });
    }
  }
}

test('pages are dark where the reader’s other pages are', async () => {
  const light = await visit('/problems', { colorScheme: 'light' });
  assert.equal(await background(light), 'rgb(255, 255, 255)');
  const dark = await visit('/problems', { colorScheme: 'dark' });
  assert.equal(await background(dark), 'rgb(16, 21, 28)');
});
