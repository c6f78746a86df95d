// A caller with the generated TypeScript types: tsc holds each name and each value against them.

import assert from 'node:assert/strict';

import createClient from 'openapi-fetch';

import type { components, paths } from './gateway.js';

type Problem = components['schemas']['Problem'];

const { GATEWAY_URL = '', GATEWAY_KEY = '' } = process.env;
const gateway = createClient<paths>({ baseUrl: GATEWAY_URL, headers: { 'X-API-Key': GATEWAY_KEY } });

const forward = (receive_id: string, more: { key?: string; dry_run?: boolean } = {}) =>
  gateway.POST('/v1/messages/{message_id}/forward', {
    params: {
      path: { message_id: 'om_1' },
      query: { receive_id_type: 'chat_id', dry_run: more.dry_run ?? false },
      header: { 'Idempotency-Key': `typescript-${receive_id}` },
    },
    body: { receive_id },
    ...(more.key === undefined ? {} : { headers: { 'X-API-Key': more.key } }),
  });

const { data: message } = await forward('oc_typescript');
// Neither a dry run nor a broadcast to one.
assert(message !== undefined && 'message_id' in message && !('counts' in message));
assert.equal(message.chat_id, 'oc_typescript');
assert.equal(message.sender?.id_type, 'app_id');
const { data: replayed, response } = await forward('oc_typescript');
assert.deepEqual(replayed, message);
assert.equal(response.headers.get('Idempotency-Replayed'), 'true');

const { data: merged } = await gateway.POST('/v1/messages/merge_forward', {
  params: { query: { receive_id_type: 'chat_id' } },
  body: { receive_id: 'oc_typescript_merge', message_id_list: ['om_1', 'om_2'] },
});
assert(merged !== undefined && 'message' in merged);
assert.equal(merged.message.chat_id, 'oc_typescript_merge');
assert.deepEqual(merged.invalid_message_id_list, []);

const { data: thread } = await gateway.POST('/v1/threads/{thread_id}/forward', {
  params: { path: { thread_id: 'omt_1' } },
  body: { receive_id: 'oc_typescript_thread' },
});
assert(thread !== undefined && 'message_id' in thread);
assert.equal(thread.chat_id, 'oc_typescript_thread');

const { data: accepted } = await gateway.POST('/v1/messages/{message_id}/broadcasts', {
  params: { path: { message_id: 'om_1' }, header: { 'Idempotency-Key': 'typescript-broadcast' } },
  body: { receivers: [{ receive_id: 'oc_typescript_all' }, { receive_id: 'oc_code_230002' }] },
});
assert(accepted !== undefined && 'id' in accepted);
const path = { id: accepted.id };
let broadcast: components['schemas']['Broadcast'] = accepted;
while (broadcast.finished_at === undefined) {
  const { data } = await gateway.GET('/v1/broadcasts/{id}', { params: { path, header: { Prefer: 'wait=5' } } });
  assert(data !== undefined);
  broadcast = data;
}
const completed: typeof broadcast.state = 'completed';
assert.equal(broadcast.state, completed);
assert.equal(broadcast.counts.delivered, 1);
const { data: page } = await gateway.GET('/v1/broadcasts/{id}/receivers', {
  params: { path, query: { outcome: ['not_delivered'] } },
});
assert(typeof page === 'object');
assert.deepEqual(
  page.receivers.map(({ receive_id, problem }) => [receive_id, problem?.code]),
  [['oc_code_230002', 'bot_not_in_chat']],
);

const { data: foreseen } = await forward('oc_elsewhere', { dry_run: true });
assert(foreseen !== undefined && 'would' in foreseen);
const would: 'send' | 'wait' | 'join' | 'replay' = foreseen.would;
assert.equal(would, 'send');
assert.equal(foreseen.feishu_request?.body.receive_id, 'oc_elsewhere');

const { error: refused } = await forward('oc_code_230002');
assert(refused !== undefined);
const problem: Problem = refused;
const { code, outcome, fix_by } = problem;
const known: [typeof code, typeof outcome, typeof fix_by] = ['bot_not_in_chat', 'not_delivered', 'chat_admin'];
assert.deepEqual([code, outcome, fix_by], known);
assert.equal(problem.feishu?.code, 230002);
assert.equal(problem.retryable, false);
// @ts-expect-error: no such code, so a typo in one does not compile.
assert(code !== 'bot_not_in_chats');

const { error: unauthorized } = await forward('oc_typescript', { key: 'ffg_wrong' });
assert.equal(unauthorized?.code, 'unauthorized');
