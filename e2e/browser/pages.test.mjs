// The pages that explain the service and its problems.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { test } from 'node:test';

import { faultless, LOOKS } from './axe.mjs';
import { background, overflow, screenshot, visit } from './harness.mjs';

const { ADMIN_URL, GATEWAY_URL } = process.env;

const PAGES = [
  ['home', '/'],
  ['problems', '/problems'],
  ['search', '/problems?q=230013'],
  ['search-for-words', '/problems?q=rate'],
  ['search-unknown', '/problems?q=239999'],
  ['search-empty', '/problems?q=zzz'],
  ['admin', '/', ADMIN_URL],
  ['problem', '/problems/bot_not_in_chat'],
  ['problem-of-many-codes', '/problems/credentials_rejected'],
];
const SMALL_PHONE = { width: 360, height: 740 };

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

test('a search by a code of Feishu’s leads to what to do without a script, in the language that was chosen', async () => {
  const page = await visit('/problems?lang=zh', { javaScriptEnabled: false });
  await page.getByRole('searchbox').fill('230013');
  await page.getByRole('searchbox').press('Enter');
  await page.getByText('1 个错误与“230013”匹配。').waitFor();
  const found = page.locator('section', { hasText: '飞书错误码 230013' });
  await found.getByText('Bot has NO availability to this user.').waitFor();
  await page.getByRole('link', { name: 'English' }).click();
  await page.getByText('1 problem matches “230013”.').waitFor();
  await page.locator('section', { hasText: 'Feishu\'s code 230013' }).getByRole('link').click();
  assert.equal(new URL(page.url()).pathname, '/problems/user_out_of_scope');
  assert.equal(new URL(page.url()).search, '?lang=en');
});

test('the line to paste has the address at which the reader reached the gateway, behind a path too', async () => {
  const prefix = '/apps/feishu';
  // A proxy that cuts the prefix off, and is not known to the gateway.
  const proxy = createServer((asked, answer) => {
    const { host: _, ...headers } = asked.headers;
    const passed = request(GATEWAY_URL + asked.url.slice(prefix.length), { headers, method: asked.method }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    asked.pipe(passed);
  });
  await new Promise((listening) => proxy.listen(0, '127.0.0.1', listening));
  try {
    const origin = `http://127.0.0.1:${proxy.address().port}`;
    const page = await visit(`${prefix}/?lang=zh`, { origin });
    const line = await page.locator('pre').innerText();
    assert.ok(line.startsWith(`curl -X POST '${origin}${prefix}/v1/messages/om_…/forward'`), line);
    await page.getByText(`${origin}${prefix}/mcp`, { exact: true }).waitFor();
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

for (const [name, path, origin] of PAGES) {
  for (const [look, options] of LOOKS) {
    test(`${name}, ${path}, has room and no fault that axe finds (${look})`, async () => {
      const page = await visit(path, { origin, ...options });
      await screenshot(`${name}-${look}`, page, { fullPage: true });
      await faultless(page);
      // On the narrowest phones too.
      if (options.isMobile) await page.setViewportSize(SMALL_PHONE);
      assert.equal(await overflow(page), 0);
      const beyond = (main) => main.scrollWidth - main.clientWidth;
      assert.equal(await page.getByRole('main').evaluate(beyond), 0);
    });
  }
}

test('pages are dark where the reader’s other pages are', async () => {
  const light = await visit('/problems', { colorScheme: 'light' });
  assert.equal(await background(light), 'rgb(255, 255, 255)');
  const dark = await visit('/problems', { colorScheme: 'dark' });
  assert.equal(await background(dark), 'rgb(16, 21, 28)');
});
