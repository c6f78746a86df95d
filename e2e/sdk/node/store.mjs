// A store app with Feishu's official node SDK: its dispatcher hears what is pushed, and its client forwards in a tenant.
// store.py says what is read and printed.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import * as lark from '@larksuiteoapi/node-sdk';

const { APP_ID: appId, APP_SECRET: appSecret, DOMAIN: domain } = process.env;
const { ENCRYPT_KEY: encryptKey, VERIFICATION_TOKEN: verificationToken } = process.env;

const heard = [];
const dispatcher = new lark.EventDispatcher({ encryptKey, verificationToken }).register({
  'simulated.event': (event) => {
    heard.push(event.text);
  },
});
const server = createServer(lark.adaptDefault('/events', dispatcher, { autoChallenge: true }));
await new Promise((listens) => server.listen(0, '127.0.0.1', listens));
console.log(`port ${server.address().port}`);

let client;
async function forward(call) {
  // Only now, because it asks for a ticket at once.
  client ??= new lark.Client({ appId, appSecret, domain, appType: lark.AppType.ISV });
  const request = {
    path: { message_id: 'om_1' },
    params: { receive_id_type: 'chat_id' },
    data: { receive_id: call.receive_id },
  };
  try {
    const { code } = await client.im.message.forward(request, lark.withTenantKey(call.tenant_key));
    return { code };
  } catch (thrown) {
    return { thrown: String(thrown) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  const result = call.kind === 'heard' ? heard : await forward(call);
  console.log(`result ${JSON.stringify(result)}`);
}
server.closeAllConnections();
server.close();
