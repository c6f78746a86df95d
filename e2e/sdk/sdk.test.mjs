// What Feishu's official node SDK makes of the simulator. The package is used as it is published.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import * as lark from '@larksuiteoapi/node-sdk';

const { SIMULATOR_URL: domain, SIMULATOR_APP_ID: appId, SIMULATOR_APP_SECRET: appSecret } = process.env;

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'];
const silent = Object.fromEntries(levels.map((level) => [level, () => {}]));

// Without a cache of its own, a client takes any token that the process got for its app id.
const client = (secret = appSecret) =>
  new lark.Client({ appId, appSecret: secret, domain, logger: silent, cache: new lark.DefaultCache() });

const forward = (receiveId, { from = client(), uuid } = {}) =>
  from.im.message.forward({
    path: { message_id: 'om_1' },
    params: { receive_id_type: 'chat_id', uuid },
    data: { receive_id: receiveId },
  });

const control = async (method, path, body) => {
  const answer = await fetch(`${domain}/_simulator/${path}`, { method, body: JSON.stringify(body) });
  assert.equal(answer.status, 200);
  return answer.json();
};

// The SDK throws on HTTP 4xx and leaves Feishu's answer in the error.
const refusal = async (promise) => {
  const error = await promise.then(() => assert.fail('it was not refused'), (error) => error);
  assert.ok(error.response, error);
  return error.response;
};

beforeEach(() => control('DELETE', 'ledger'));

test('a forward succeeds, and one token serves two forwards', async () => {
  const from = client();
  const answer = await forward('oc_node', { from, uuid: 'u-1 a/b' });
  await forward('oc_node', { from });
  assert.equal(answer.code, 0);
  assert.match(answer.data.message_id, /^om_/);
  assert.equal(answer.data.chat_id, 'oc_node');
  assert.equal(answer.data.sender.id, appId);

  const { attempts, deliveries } = await control('GET', 'ledger');
  assert.deepEqual(attempts.map(({ api }) => api), ['tenant_access_token', 'forward', 'forward']);
  assert.equal(deliveries.length, 2);
  assert.equal(deliveries[0].new_message_id, answer.data.message_id);
  assert.equal(deliveries[0].uuid, 'u-1 a/b');
});

test('a repeat with the same uuid gets the first message', async () => {
  const first = await forward('oc_node_repeat', { uuid: 'node-repeat' });
  const second = await forward('oc_node_repeat', { uuid: 'node-repeat' });
  assert.equal(second.data.message_id, first.data.message_id);
});

test('230002 is thrown with its text and its log id', async () => {
  const { status, data, headers } = await refusal(forward('oc_code_230002'));
  assert.equal(status, 400);
  assert.equal(data.code, 230002);
  assert.equal(data.msg, 'The bot can not be outside the group.');
  assert.ok(data.error.log_id);
  assert.equal(headers['x-tt-logid'], data.error.log_id);
});

test('99991400 is thrown with the seconds to wait', async () => {
  const kind = { code: { code: 99991400, reset: 7 } };
  await control('POST', 'faults', { api: 'forward', kind });
  const { status, data, headers } = await refusal(forward('oc_node'));
  assert.equal(status, 429);
  assert.equal(data.code, 99991400);
  assert.equal(headers['x-ogw-ratelimit-reset'], '7');
});

test('a full receiver is refused', async () => {
  const from = client();
  await control('PATCH', 'settings', { receiver_per_second: 0 });
  try {
    const { status, data } = await refusal(forward('oc_node', { from }));
    assert.equal(status, 400);
    assert.equal(data.code, 230020);
    assert.match(data.msg, /, ext=chat rate limit$/);
  } finally {
    await control('PATCH', 'settings', { receiver_per_second: 5 });
  }
});

test('with a wrong secret there is no token and no forward', async () => {
  await assert.rejects(forward('oc_node', { from: client('wrong') }), /code: 10014, msg: app secret invalid/);
  const { attempts } = await control('GET', 'ledger');
  assert.deepEqual(attempts.map(({ api, status, code }) => [api, status, code]), [['tenant_access_token', 200, 10014]]);
});
