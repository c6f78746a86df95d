// The Swagger UI, used as a newcomer uses it: show a key, forward a message, meet problems.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { screenshot, visit } from './harness.mjs';
import { authorize, deliveries, execute, inKeyDialog, logOut, operation, picture } from './swagger.mjs';

test('the page opens with the forward, and fills in what is required alone', async () => {
  const page = await visit('/docs/');
  const forward = await operation(page);
  await screenshot('docs', page);
  await screenshot('docs-whole', page, { fullPage: true });
  const first = page.locator('.opblock').first();
  assert.equal(await first.getAttribute('id'), await forward.getAttribute('id'));
  // What the page fills in by itself is sent, so only what is required may be.
  const optional = forward.locator('tr[data-param-name]:not(:has(.required)) :is(input, select)');
  assert.ok((await optional.count()) > 3);
  for (const field of await optional.all()) assert.equal(await field.inputValue(), '');
  assert.deepEqual(await page.locator('.errors-wrapper').allInnerTexts(), []);
});

test('a message is forwarded from the page, which shows how long it took and the call for each shell', async () => {
  const page = await visit('/docs/');
  await authorize(page);
  const answered = await execute(page, 'oc_browser');
  const { status, body, answer } = answered;
  await picture(page, answered);
  assert.equal(status, 200);
  const delivered = (await deliveries()).find((delivery) => delivery.new_message_id === body.message_id);
  assert.equal(delivered?.receive_id, 'oc_browser');
  await answer.getByText(/^\d+ ms$/).waitFor();
  const calls = new Set();
  for (const shell of ['cURL (bash)', 'cURL (PowerShell)', 'cURL (CMD)']) {
    await page.getByText(shell, { exact: true }).click();
    calls.add(await page.locator('.request-snippets code').innerText());
  }
  assert.equal(calls.size, 3);
  for (const call of calls) assert.ok(call.includes(process.env.GATEWAY_KEY), call);
});

test('the key is asked for once, and what is typed is hidden', async () => {
  const page = await visit('/docs/');
  await operation(page);
  await inKeyDialog(page, async () => {
    const fields = await page.locator('.dialog-ux input').all();
    assert.equal(fields.length, 1);
    assert.equal(await fields[0].getAttribute('type'), 'password');
    assert.equal(await fields[0].getAttribute('autocomplete'), 'off');
  });
});

test('the answer comes into view, each time', async () => {
  const page = await visit('/docs/');
  await authorize(page);
  const isInView = () => {
    const answer = document.querySelector('.live-responses-table');
    const top = answer?.getBoundingClientRect().top;
    return top >= 0 && top < innerHeight / 2;
  };
  const forward = await operation(page);
  const body = forward.locator('textarea.body-param__text');
  for (const receiver of ['oc_browser', 'oc_code_230002']) {
    await body.fill(JSON.stringify({ receive_id: receiver }));
    const answered = page.waitForResponse((response) => response.request().method() === 'POST');
    // Not by the mouse, for which Playwright scrolls.
    await forward.locator('button.execute').evaluate((button) => button.click());
    await answered;
    await page.waitForFunction(isInView);
    await page.evaluate(() => scrollTo(0, 0));
  }
});

test('every answer that is possible is on the page, with its example a click away', async () => {
  const page = await visit('/docs/');
  const forward = await operation(page);
  const answers = forward.locator('.responses-inner > .responses-table');
  assert.equal(await answers.evaluate((table) => table.scrollHeight - table.clientHeight), 0);
  const refusal = answers.locator('[data-code="403"]');
  await refusal.getByRole('link', { name: 'bot_not_in_chat' }).waitFor();
  const example = refusal.locator('pre.example');
  assert.equal(await example.isVisible(), false);
  await refusal.getByRole('button', { name: 'Example and headers' }).click();
  assert.match(await example.innerText(), /"code": "bot_not_/);
  assert.equal(await example.evaluate((box) => box.scrollHeight - box.clientHeight), 0);
  await refusal.getByText('X-Request-Id').waitFor();
});

test('buttons are beside the code that they copy', async () => {
  const page = await visit('/docs/', { width: 390 });
  await authorize(page);
  await execute(page, 'oc_browser');
  for (const [code, buttons] of [['.curl', '.curl-command'], ['.live-responses-table .highlight-code > pre', '.live-responses-table']]) {
    const { y } = await page.locator(code).boundingBox();
    for (const button of await page.locator(`${buttons} :is(.copy-to-clipboard, .download-contents)`).all()) {
      const box = await button.boundingBox();
      assert.ok(box.y + box.height <= y, code);
    }
  }
});

for (const [what, status, code, receiveId, fields] of [
  ['no key', 401, 'unauthorized', 'oc_browser', {}],
  ['a refusal of Feishu’s', 403, 'bot_not_in_chat', 'oc_code_230002', {}],
  ['a limit', 429, 'receiver_rate_limited', 'oc_code_230020', { Prefer: 'wait=0' }],
]) {
  test(`${what} is shown as ${status} with what to do, and its type leads to its page`, async () => {
    const page = await visit('/docs/');
    if (status !== 401) await authorize(page);
    const problem = await execute(page, receiveId, fields);
    await picture(page, problem);
    assert.equal(problem.status, status);
    assert.equal(problem.body.code, code);
    await page.goto(new URL(problem.body.type, page.url()).href);
    const { remedy } = problem.body;
    await page.getByText(remedy, { exact: true }).first().waitFor();
    assert.equal(await page.locator('h1 + p').innerText(), code);
  });
}

test('who logs out is not let in any longer', async () => {
  const page = await visit('/docs/');
  await authorize(page);
  await logOut(page);
  assert.equal((await execute(page, 'oc_browser')).status, 401);
});
