// Makes the calls of cases.py with Feishu's official node SDK, and prints what the SDK hands to its user.

import { createInterface } from 'node:readline';

import * as lark from '@larksuiteoapi/node-sdk';

const requests = {
  forward: (im, call, options) =>
    im.message.forward(
      {
        path: { message_id: call.id },
        params: { receive_id_type: call.receive_id_type, uuid: call.uuid },
        data: { receive_id: call.receive_id },
      },
      options,
    ),
  merge_forward: (im, call, options) =>
    im.message.mergeForward(
      {
        params: { receive_id_type: call.receive_id_type, uuid: call.uuid },
        data: { receive_id: call.receive_id, message_id_list: call.ids },
      },
      options,
    ),
  forward_thread: (im, call, options) =>
    im.thread.forward(
      {
        path: { thread_id: call.id },
        params: { receive_id_type: call.receive_id_type, uuid: call.uuid },
        data: { receive_id: call.receive_id },
      },
      options,
    ),
  send: (im, call, options) =>
    im.message.create(
      {
        params: { receive_id_type: call.receive_id_type },
        data: { receive_id: call.receive_id, msg_type: 'text', content: '{"text":"hello"}' },
      },
      options,
    ),
};

const clients = new Map();
function clientOf({ app_id: appId, secret: appSecret }) {
  const name = JSON.stringify([appId, appSecret]);
  if (!clients.has(name)) clients.set(name, new lark.Client({ appId, appSecret, domain: process.env.DOMAIN }));
  return clients.get(name);
}

async function make(call) {
  try {
    const { code, msg, data } = await requests[call.kind](clientOf(call).im, call, { headers: call.headers });
    return { code, msg, data };
  } catch (thrown) {
    // The SDK throws on HTTP 4xx and leaves Feishu's answer in what it throws.
    if (!thrown.response) return { thrown: String(thrown) };
    const { status, headers, data } = thrown.response;
    const { code, msg, error } = data;
    return { status, code, msg, error, headers: { ...headers }, log_id: headers['x-tt-logid'] };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  const results = await Promise.all(Array.from({ length: call.times }, () => make(call)));
  console.log(`results ${JSON.stringify(results)}`);
}
