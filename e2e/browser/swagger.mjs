// How Swagger UI is used.

import { screenshot } from './harness.mjs';

const { GATEWAY_KEY, SIMULATOR_URL } = process.env;

export const deliveries = async () =>
  (await (await fetch(`${SIMULATOR_URL}/_simulator/ledger`)).json()).deliveries;

// The form of the forward, which is open from the beginning.
export const operation = async (page) => {
  const forward = page.locator('#operations-messages-forward_message');
  await forward.locator('button.execute').waitFor();
  return forward;
};

// Opens the examples and headers of all answers that are possible.
export const unfold = async (page) => {
  const folded = page.locator('.fold[aria-expanded="false"]');
  while (await folded.count()) await folded.first().click();
};

export const inKeyDialog = async (page, act) => {
  await page.locator('.auth-wrapper > .btn.authorize').click();
  const dialog = page.locator('.dialog-ux');
  const scheme = dialog.locator('.auth-container').filter({ hasText: 'X-API-Key' });
  await act(scheme);
  await scheme.getByRole('button', { name: 'Close' }).click();
  await dialog.waitFor({ state: 'detached' });
};

export const authorize = (page) =>
  inKeyDialog(page, async (scheme) => {
    await scheme.locator('input').fill(GATEWAY_KEY);
    await scheme.locator('button.authorize').click();
    await scheme.locator('button', { hasText: 'Logout' }).waitFor();
  });

export const logOut = (page) =>
  inKeyDialog(page, (scheme) => scheme.locator('button', { hasText: 'Logout' }).click());

// Reads an answer from the page once it is there.
export const read = async (forward, response) => {
  const status = response.status();
  const answer = forward.locator('.live-responses-table .response');
  await answer.locator('.response-col_status', { hasText: String(status) }).waitFor();
  const body = await answer.locator('.response-col_description .highlight-code code').first().innerText();
  return { status, body: JSON.parse(body), answer };
};

// The request and the answer, without the table of every answer that could have been.
export const picture = async (page, { status }) => {
  const forward = await operation(page);
  await screenshot(`answer-${status}`, forward.locator('div:has(> .live-responses-table)'));
};

// Fills the form in, executes, and reads the answer from the page.
export const execute = async (page, receiveId, fields = {}) => {
  const forward = await operation(page);
  for (const [name, value] of Object.entries(fields)) {
    await forward.locator(`[data-param-name="${name}"] input`).fill(value);
  }
  await forward.locator('textarea.body-param__text').fill(JSON.stringify({ receive_id: receiveId }));
  const answered = page.waitForResponse((response) => response.request().method() === 'POST');
  await forward.locator('button.execute').click();
  return read(forward, await answered);
};
