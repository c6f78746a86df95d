// Listens on loopback, adds the API key to each request, and hands everything else on as it is: the conformance suite
// has no option for a header.
//
//   with_key.mjs PORT URL      listens on PORT, and hands on to URL; the key is in GATEWAY_KEY

import http from 'node:http';

const [port, url] = process.argv.slice(2);
const gateway = new URL(url);

// Names and values in pairs, as they came: also `Host`, which the suite gives wrong ones to.
const withKey = (headers) => [...headers, 'Authorization', `Bearer ${process.env.GATEWAY_KEY}`];

const server = http.createServer((asked, answered) => {
  const passedOn = http.request({
    host: gateway.hostname, port: gateway.port, path: asked.url, method: asked.method, headers: withKey(asked.rawHeaders), setHost: false,
  });
  passedOn.on('response', (answer) => {
    answered.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(answered);
  });
  passedOn.on('error', () => answered.destroy());
  // Who hangs up cancels a call.
  answered.on('close', () => passedOn.destroy());
  asked.pipe(passedOn);
});
server.listen(port, '127.0.0.1', () => console.log(`it hands on to ${gateway}`));
