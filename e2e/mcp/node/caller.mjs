// Does what cases.py asks for with the official clients in TypeScript, and prints what they hand to their user.
//
//   caller.mjs PACKAGE http|bridge legacy|modern      PACKAGE: client, or sdk, which is the one before it

import { createInterface } from 'node:readline';

const { GATEWAY_URL, GATEWAY_KEY, GATEWAY_PROGRAM } = process.env;
const [name, transport, era] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));

const packages = {
  client: async () => {
    const { Client, StreamableHTTPClientTransport } = await import('@modelcontextprotocol/client');
    const { StdioClientTransport } = await import('@modelcontextprotocol/client/stdio');
    const call = (client, params, options) => client.callTool(params, options);
    return { Client, StreamableHTTPClientTransport, StdioClientTransport, call };
  },
  sdk: async () => {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
    const { StdioClientTransport } = await import('@modelcontextprotocol/sdk/client/stdio.js');
    const call = (client, params, options) => client.callTool(params, undefined, options);
    return { Client, StreamableHTTPClientTransport, StdioClientTransport, call };
  },
};
const { Client, StreamableHTTPClientTransport, StdioClientTransport, call } = await packages[name]();

function opened() {
  if (transport === 'bridge') {
    const env = { ...process.env, GATEWAY_API_KEY: GATEWAY_KEY };
    return new StdioClientTransport({ command: GATEWAY_PROGRAM, args: ['mcp', '--url', GATEWAY_URL], env });
  }
  const headers = GATEWAY_KEY ? { Authorization: `Bearer ${GATEWAY_KEY}` } : {};
  return new StreamableHTTPClientTransport(new URL('/mcp', GATEWAY_URL), { requestInit: { headers } });
}

async function answer(client, asked) {
  if (asked.do === 'list') {
    const { tools } = await client.listTools();
    return { tools };
  }
  const controller = new AbortController();
  const onprogress = ({ progress, total }) => {
    say({ progress, total });
    if (asked.cancel) controller.abort();
  };
  const options = { signal: controller.signal, ...(asked.progress && { onprogress }) };
  const { isError, structuredContent, content } = await call(client, asked.params, options);
  return { isError: Boolean(isError), structuredContent, text: content.map(({ text }) => text).join('') };
}

const client = new Client(
  { name: 'cases', version: '1' },
  era === 'modern' ? { versionNegotiation: { mode: 'auto' } } : {},
);
try {
  const opening = opened();
  // The package before tells only its transport of the revision that was agreed on.
  let revision;
  const tell = opening.setProtocolVersion?.bind(opening);
  opening.setProtocolVersion = (agreed) => {
    revision = agreed;
    tell?.(agreed);
  };
  await client.connect(opening);
  say({ server: client.getServerVersion().name, revision });
} catch (error) {
  say({ failed: String(error) });
  process.exit();
}
for await (const line of createInterface({ input: process.stdin })) {
  say(await answer(client, JSON.parse(line)).catch((error) => ({ failed: String(error) })));
}
await client.close();
