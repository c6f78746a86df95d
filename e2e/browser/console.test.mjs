// The console, used as somebody uses it who writes no programs.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { api, check, ended, enter, opened, receivers, shown, signIn, start, write } from './console.mjs';
import { screenshot, visit } from './harness.mjs';
import { deliveries } from './swagger.mjs';

const { GATEWAY_KEY } = process.env;

// What Chromium says of a request that was cut off, and of one that the test cuts off.
const CUT_OFF = ['Failed to load resource: net::ERR_'];

const mistakes = (page) => page.locator('#mistakes li').allInnerTexts();
const selected = (page) =>
  page.locator('#receivers').evaluate((field) => field.value.slice(field.selectionStart, field.selectionEnd));
const focused = (page) => page.evaluate(() => document.activeElement.id);

test('a message reaches those who were pasted, after a look at what will happen', async () => {
  const page = await enter();
  const ids = receivers(10);
  await write(page, 'om_console', [...ids.slice(0, 8), `${ids[8]}, ${ids[9]}`, 'ou_console, open_id', 'a@example.com']);
  await shown(page, '12 receivers', { exact: true }).waitFor();
  const before = await api('broadcasts');
  await check(page);
  assert.equal(await focused(page), 'preview-title');
  assert.equal(await page.locator('#preview-title').innerText(), 'Ready to send to 12 receivers');
  const types = await page.locator('#preview li').allInnerTexts();
  assert.deepEqual(types, ['1 person by open_id', '1 person by e-mail address', '10 chats']);
  assert.match(await page.locator('#preview-finish').innerText(), /^It would be finished at about .+, in .+\.$/);
  assert.deepEqual(await api('broadcasts'), before, 'nothing is sent before it is confirmed');
  await screenshot('console-preview', page, { fullPage: true });
  await page.locator('#go').click();
  const id = await opened(page);
  await ended(page);
  assert.match(await page.locator('#standing').innerText(), /^Completed: delivered to 12 of 12/);
  const { max, value } = await page.locator('#bar').evaluate(({ max, value }) => ({ max, value }));
  assert.deepEqual([max, value], [12, 12]);
  assert.equal(await page.locator('#failures').isVisible(), false);
  const got = (await deliveries()).filter(({ receive_id: one }) => ids.includes(one)).map((it) => it.receive_id);
  assert.deepEqual(got.sort(), [...ids].sort());
  assert.equal((await api(`broadcasts/${id}`)).total, 12);
  // The list has it, and leads back to it.
  await page.getByRole('link', { name: 'All broadcasts' }).click();
  await page.locator(`#list a[href="#${id}"]`).click();
  await shown(page, 'Completed: delivered to 12 of 12').waitFor();
});

test('a wrong key leads back to the field for it, and says why', async () => {
  const page = await visit('/console/');
  await signIn(page, 'wrong');
  const answer = page.locator('#key .answer');
  await answer.getByText('Request ID').waitFor();
  assert.match(await answer.innerText(), /API key/);
  assert.equal(await focused(page), 'api-key');
  assert.equal(await page.locator('#api-key').inputValue(), '');
  await signIn(page, 'schlüssel 1');
  await shown(page, 'Enter your API key.').waitFor();
  await signIn(page);
  await page.locator('#new').waitFor();
});

test('the key stays in the tab: not in an address, not in another tab, and not when it is to be forgotten', async () => {
  const page = await visit('/console/');
  assert.equal(await page.locator('#api-key').getAttribute('type'), 'password');
  const urls = [];
  page.on('request', (request) => urls.push(request.url()));
  await signIn(page);
  await page.locator('#new').waitFor();
  await page.reload();
  await page.locator('#new').waitFor();
  assert.ok(urls.length > 3 && !urls.some((url) => url.includes(GATEWAY_KEY)), urls.join(' '));
  const kept = () => page.evaluate((key) => [localStorage, sessionStorage].map((it) => JSON.stringify(it).includes(key)), GATEWAY_KEY);
  assert.deepEqual(await kept(), [false, true]);
  const other = await page.context().newPage();
  await other.goto(page.url());
  await other.locator('#key').waitFor();
  await page.getByRole('button', { name: 'Forget the key' }).click();
  await page.locator('#key').waitFor();
  assert.deepEqual(await kept(), [false, false]);
});

test('a CSV file is read, and its mistakes are marked at their lines', async () => {
  const page = await enter();
  const text = '\ufeff"receive_id";name;"receive_id_type"\r\noc_a;"Sales; north";\r\noc_b;x;group\r\n;y;\r\nu_c;z;user_id\r\n';
  await page.locator('#file').setInputFiles({ name: 'a.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
  await shown(page, '2 mistakes in the list of receivers').waitFor();
  const [first, second] = await mistakes(page);
  assert.match(first, /^Line 3: oc_b;x;group – “group” is not a type/);
  assert.match(second, /^Line 4: ;y; – The ID is missing/);
  assert.deepEqual(await page.locator('#lines .wrong').allInnerTexts(), ['3', '4']);
  assert.equal(await page.locator('#receivers').getAttribute('aria-invalid'), 'true');
  await screenshot('console-mistakes', page, { fullPage: true });
  await page.getByRole('button', { name: 'Line 3' }).click();
  assert.equal(await selected(page), 'oc_b;x;group');
  // A mistake is corrected where it is.
  await page.keyboard.type('oc_b;x;chat_id');
  await shown(page, '1 mistake in the list of receivers').waitFor();
});

test('a file can be dropped, and one that is too large is refused', async () => {
  const page = await enter();
  const drop = async (text) => {
    const transfer = await page.evaluateHandle((content) => {
      const made = new DataTransfer();
      made.items.add(new File([content], 'dropped.csv'));
      return made;
    }, text);
    await page.dispatchEvent('#receivers', 'drop', { dataTransfer: transfer });
  };
  await drop('oc_1\noc_2\noc_3');
  await shown(page, '3 receivers', { exact: true }).waitFor();
  await drop('x'.repeat(5_000_001));
  await shown(page, 'The file is larger than 5 MB.').waitFor();
});

test('what the gateway finds wrong is shown at its line, and stays until it is corrected', async () => {
  const page = await enter();
  await write(page, 'om_console', ['oc_1', '', 'oc 2', 'oc_3', 'https://example.com', 'om_4']);
  await page.locator('#check').click();
  await shown(page, '3 mistakes in the list of receivers').waitFor();
  assert.equal(await focused(page), 'mistakes-title');
  const found = (await mistakes(page)).map((text) => /^Line (\d+): (.+) – .+/.exec(text).slice(1));
  assert.deepEqual(found, [['3', 'oc 2'], ['5', 'https://example.com'], ['6', 'om_4']]);
  await page.getByRole('button', { name: 'Line 5' }).click();
  assert.equal(await selected(page), 'https://example.com');
  await page.keyboard.press('Delete');
  await shown(page, '2 mistakes in the list of receivers').waitFor();
  assert.equal(await page.locator('#preview').isVisible(), false);
});

test('a message’s id that is none is marked at its field', async () => {
  const page = await enter();
  for (const id of ['', 'oc_1', 'om_' + 'x'.repeat(200)]) {
    await write(page, id, receivers(1));
    await page.locator('#check').click();
    await page.locator('#message-mistake').waitFor();
    assert.equal(await focused(page), 'message', id);
    assert.equal(await page.locator('#message').getAttribute('aria-invalid'), 'true', id);
  }
  await write(page, 'om_console', []);
  await page.locator('#check').click();
  await shown(page, 'There is no receiver yet.').waitFor();
});

test('duplicates are found, and removed on demand', async () => {
  const page = await enter();
  await write(page, 'om_console', ['oc_1', 'oc_2', 'oc_1', 'oc_1, chat_id', 'oc_3']);
  await shown(page, '2 receivers are named more than once.').waitFor();
  await page.getByRole('button', { name: 'Remove the duplicates' }).click();
  assert.equal(await page.locator('#receivers').inputValue(), 'oc_1\noc_2\noc_3');
  await shown(page, '3 receivers', { exact: true }).waitFor();
  assert.equal(await page.locator('#mistakes').isVisible(), false);
});

test('a look is worth nothing once something has changed', async () => {
  const page = await enter();
  await write(page, 'om_console', receivers(2));
  await check(page);
  await page.locator('#receivers').press('x');
  await page.locator('#preview').waitFor({ state: 'hidden' });
  await check(page);
  await page.locator('#change').click();
  await page.locator('#preview').waitFor({ state: 'hidden' });
  assert.equal(await focused(page), 'message');
});

test('those who did not get it are grouped by why, with what to do, and are sent to again', async () => {
  const page = await enter();
  const refused = receivers(2, 'oc_code_230002');
  const id = await start(page, 'om_console', [...receivers(3), ...refused, ...receivers(1, 'oc_code_230013')]);
  await ended(page);
  await shown(page, '3 receivers without the message').waitFor();
  const groups = page.locator('#groups article');
  await groups.nth(1).waitFor();
  const group = groups.first();
  assert.equal(await group.locator('h3').innerText(), 'The bot is not in the chat');
  await group.getByText("Add the app's bot to the chat that receives the message.").waitFor();
  await group.getByText('Who can fix it: the owner or an administrator of the chat').waitFor();
  await group.getByText('2 receivers').click();
  assert.deepEqual(await group.locator('li').allInnerTexts(), refused);
  const [popped] = await Promise.all([group.getByRole('link').getAttribute('href'), screenshot('console-failures', page, { fullPage: true })]);
  assert.match(popped, /\/problems\/bot_not_in_chat\?lang=en$/);
  await page.getByRole('button', { name: 'Send again to the 3 failed ones' }).click();
  await page.locator('#confirm .main').click();
  await shown(page, 'sent again to the failed ones of').waitFor();
  const again = await opened(page);
  assert.notEqual(again, id);
  await ended(page);
  const retried = await api(`broadcasts/${again}`);
  assert.deepEqual([retried.retry_of, retried.total], [id, 3]);
  await page.getByRole('link', { name: 'an earlier broadcast' }).click();
  await shown(page, 'Completed: delivered to 3 of 6').waitFor();
});

test('a broadcast is canceled by who is sure, and what is left never begins', async () => {
  const page = await enter();
  const id = await start(page, 'om_console', receivers(600));
  await page.getByRole('button', { name: 'Cancel the broadcast' }).click();
  await page.getByRole('dialog', { name: 'Cancel this broadcast?' }).waitFor();
  await screenshot('console-cancel', page);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  assert.equal((await api(`broadcasts/${id}`)).state, 'running');
  await page.getByRole('button', { name: 'Cancel the broadcast' }).click();
  await page.locator('#confirm .main').click();
  await ended(page);
  assert.match(await page.locator('#standing').innerText(), /^Canceled: delivered to \d+ of 600/);
  const { state, counts } = await api(`broadcasts/${id}`);
  assert.equal(state, 'canceled');
  assert.ok(counts.canceled > 0);
  assert.equal(await page.locator('#cancel').isVisible(), false);
});

test('progress is shown while it goes on, and a reload keeps the broadcast open', async () => {
  const page = await enter();
  const id = await start(page, 'om_console', receivers(600));
  await shown(page, /^\d+ of 600 done, \d+ left, expected to finish at about .+ \(in .+\)$/).waitFor();
  const bar = page.getByRole('progressbar', { name: /of 600 done/ });
  await bar.waitFor();
  await page.reload();
  assert.equal(await opened(page), id);
  await screenshot('console-progress', page, { fullPage: true });
  // It moves without being asked for.
  const before = await page.locator('#bar').evaluate(({ value }) => value);
  await page.waitForFunction((value) => document.querySelector('#bar').value > value, before);
  await api(`broadcasts/${id}/cancel`, { method: 'POST' });
  await ended(page);
  // Whoever listens hears of the end.
  await page.getByRole('status').getByText(/^Canceled: delivered to \d+ of 600/).waitFor();
});

test('the outcome of each receiver is downloaded as CSV', async () => {
  const page = await enter();
  const ids = [...receivers(2), ...receivers(1, 'oc_code_230002')];
  const id = await start(page, 'om_console', ids);
  await ended(page);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download as CSV' }).click(),
  ]);
  assert.equal(download.suggestedFilename(), `${id}.csv`);
  const rows = (await readFile(await download.path(), 'utf8')).trimEnd().split('\r\n');
  assert.match(rows[0], /^\ufeffreceive_id,receive_id_type,outcome,/);
  assert.deepEqual(rows.slice(1).map((row) => row.split(',')[0]), ids);
  assert.match(rows[3], /,bot_not_in_chat,/);
});

test('a broadcast whose answer was lost is repeated as the same one, also after a reload', async () => {
  const page = await enter({ expected: CUT_OFF });
  const keys = [];
  let isLost = true;
  await page.route(/broadcasts$/, async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    keys.push(await route.request().headerValue('idempotency-key'));
    if (!isLost) return route.continue();
    await route.fetch();
    return route.abort();
  });
  const ids = receivers(2);
  await write(page, 'om_console', ids);
  await check(page);
  await page.locator('#go').click();
  await shown(page, 'The answer was lost').waitFor();
  assert.equal(await page.locator('#receivers').isDisabled(), true);
  await screenshot('console-lost', page, { fullPage: true });
  await page.reload();
  await shown(page, 'The answer was lost').waitFor();
  assert.equal(await page.locator('#receivers').inputValue(), ids.join('\n'));
  isLost = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await opened(page);
  await ended(page);
  assert.equal(keys.length, 2);
  assert.equal(keys[0], keys[1]);
  const got = (await deliveries()).filter(({ receive_id: one }) => ids.includes(one));
  assert.equal(got.length, 2);
  await page.getByRole('link', { name: 'All broadcasts' }).click();
  await page.locator('#list table').waitFor();
  assert.equal(await page.locator('#preview').isVisible(), false);
});

test('whoever begins another one after a lost answer is warned, and gets another key', async () => {
  const page = await enter({ expected: CUT_OFF });
  await page.route(/broadcasts$/, (route) => (route.request().method() === 'POST' ? route.abort() : route.continue()));
  await write(page, 'om_console', receivers(1));
  await check(page);
  await page.locator('#go').click();
  await shown(page, 'The answer was lost').waitFor();
  await page.locator('#change').click();
  await page.getByRole('dialog', { name: 'Begin a new one?' }).waitFor();
  await page.locator('#confirm .main').click();
  await page.locator('#preview').waitFor({ state: 'hidden' });
  assert.equal(await page.locator('#receivers').isDisabled(), false);
  assert.deepEqual(await page.evaluate(() => Object.keys(sessionStorage)), ['console.key']);
});

test('events that do not come through are replaced by long polls', async () => {
  const page = await enter();
  const polls = [];
  await page.route(/\/events$/, (route) => route.fulfill({ contentType: 'text/html', body: 'a proxy' }));
  await page.route(/\/bc_[0-9a-f]+$/, async (route) => {
    polls.push(await route.request().headerValue('prefer'));
    return route.continue();
  });
  await start(page, 'om_console', receivers(20));
  await ended(page);
  assert.ok(polls.includes('wait=20'), polls.join());
});

test('a stream that breaks off is taken up again where it was', async () => {
  const page = await enter({ expected: CUT_OFF });
  const asked = [];
  const said = shown(page, 'The connection is lost.');
  await page.route(/\/bc_[0-9a-f]+$/, async (route) => route.fulfill({ json: await begun(route) }));
  await page.route(/\/events$/, async (route) => {
    asked.push(await route.request().headerValue('last-event-id'));
    if (asked.length === 1) {
      const data = JSON.stringify(await begun(route));
      return route.fulfill({ contentType: 'text/event-stream', body: `event: progress\nid: 1\ndata: ${data}\n\n` });
    }
    if (asked.length === 2) return route.abort();
    await said.waitFor();
    return route.continue();
  });
  // The broadcast as it was before anything was sent, however far it is.
  const begun = async (route) => {
    const [id] = /bc_[0-9a-f]+/.exec(route.request().url());
    const { finished_at: _, counts, ...rest } = await api(`broadcasts/${id}`);
    const none = Object.fromEntries(Object.keys(counts).map((name) => [name, 0]));
    return { ...rest, state: 'running', counts: { ...none, pending: rest.total } };
  };
  await start(page, 'om_console', receivers(3));
  await ended(page);
  await said.waitFor({ state: 'hidden' });
  assert.deepEqual(asked.slice(0, 3), [null, '1', '1']);
});

test('a pause is explained, with a link to its cause', async () => {
  const page = await enter();
  const id = await start(page, 'om_console', receivers(1));
  await ended(page);
  const broadcast = await api(`broadcasts/${id}`);
  const counts = { ...broadcast.counts, delivered: 0, pending: 1 };
  const { finished_at: _, ...rest } = broadcast;
  const paused = { ...rest, state: 'paused', paused_by: 'credentials_rejected', counts };
  await page.route(/\/bc_[0-9a-f]+$/, (route) => route.fulfill({ json: paused }));
  await page.route(/\/events$/, (route) => route.fulfill({ contentType: 'text/event-stream', body: ':\n\n' }));
  await page.reload();
  const box = page.locator('#paused');
  await box.getByText('Paused. It continues by itself').waitFor();
  const link = box.getByRole('link', { name: /^(?!credentials_rejected)/ });
  await link.waitFor();
  await screenshot('console-paused', page, { fullPage: true });
  await link.click();
  await page.waitForURL('**/problems/credentials_rejected?lang=en');
});

test('a gateway without broadcasts says so, and what to do', async () => {
  const page = await visit('/console/', { expected: ['Failed to load resource: the server responded with a status of 501'] });
  const body = {
    code: 'broadcasts_not_configured', status: 501, title: 'Broadcasts are not configured', detail: 'None are kept.',
    fix_by: 'operator', remedy: 'Ask the operator to set broadcasts.path (for one process) or state.url (for replicas).', request_id: 'r',
  };
  await page.route(/\/v1\//, (route) => route.fulfill({ status: 501, contentType: 'application/problem+json', body: JSON.stringify(body) }));
  await signIn(page);
  await shown(page, 'Broadcasts are not configured at this gateway.').waitFor();
  await shown(page, body.remedy).waitFor();
  assert.equal(await page.locator('#new').isVisible(), false);
});

test('another caller’s broadcast is not there, and the page says it with the request’s id', async () => {
  const page = await visit(`/console/#bc_${'0'.repeat(32)}`);
  await signIn(page);
  const answer = page.locator('#broadcast > .answer');
  await answer.getByRole('link', { name: 'broadcast_not_found' }).waitFor();
  assert.match(await answer.innerText(), /Request ID: \S+/);
});

test('older broadcasts are shown on demand', async () => {
  const page = await visit('/console/');
  await page.route(/\/v1\/broadcasts\?/, (route) => {
    const url = new URL(route.request().url());
    url.searchParams.set('limit', '2');
    return route.continue({ url: url.href });
  });
  await signIn(page);
  const rows = page.locator('#list tbody tr');
  await page.getByRole('button', { name: 'Show more' }).click();
  await rows.nth(3).waitFor();
  const links = await rows.locator('a').evaluateAll((all) => all.map((it) => it.hash.slice(1)));
  assert.deepEqual(links, (await api('broadcasts?limit=4')).broadcasts.map(({ id }) => id));
});

test('a reader of Chinese reads Chinese, also what the gateway says', async () => {
  const page = await visit('/console/', { locale: 'zh-CN' });
  assert.equal(await page.getAttribute('html', 'lang'), 'zh');
  await signIn(page);
  await shown(page, '新建群发').waitFor();
  await write(page, 'om_console', ['oc 1']);
  await page.locator('#check').click();
  await shown(page, '不能包含空白字符').waitFor();
  await screenshot('console-mistakes-zh', page, { fullPage: true });
  await write(page, 'om_console', receivers(1, 'oc_code_230002'));
  await check(page);
  await shown(page, '即将发送给 1 个接收者').waitFor();
  await page.locator('#go').click();
  await shown(page, '已完成：送达 0 / 1').waitFor({ timeout: 120_000 });
  await shown(page, '机器人不在群中').waitFor();
  await screenshot('console-failures-zh', page, { fullPage: true });
});

test('a language that was chosen stays in the tab, and nothing written is lost by choosing it', async () => {
  const page = await enter();
  await write(page, 'om_console', ['oc_1', 'oc_1']);
  await shown(page, '1 receiver is named more than once.').waitFor();
  await page.getByRole('button', { name: '中文' }).click();
  await shown(page, '有 1 个接收者重复出现。').waitFor();
  assert.equal(await page.locator('#receivers').inputValue(), 'oc_1\noc_1');
  await page.reload();
  await shown(page, '新建群发').waitFor();
  assert.equal(await page.getAttribute('html', 'lang'), 'zh');
});

test('the start page leads to the console', async () => {
  const page = await visit('/?lang=zh');
  await page.getByRole('main').getByRole('link', { name: '群发' }).click();
  await page.locator('#key').getByText('API 密钥', { exact: true }).waitFor();
});
