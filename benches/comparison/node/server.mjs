// What a team would write to forward messages with Feishu's official SDK for Node.
// It does less than the gateway: one key, no limits, no retries, no deduplication, no metrics.

import cluster from 'node:cluster'
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { Client, defaultHttpInstance, LoggerLevel } from '@larksuiteoapi/node-sdk'
import fastify from 'fastify'

const { PORT = '0', FEISHU_BASE_URL, APP_ID, APP_SECRET, API_KEY_SHA256, WORKERS = '1' } = process.env

const RECEIVE_ID_TYPES = { ou: 'open_id', on: 'union_id', oc: 'chat_id', omt: 'thread_id' }

const forwardSchema = {
  body: {
    type: 'object',
    required: ['receive_id'],
    properties: { receive_id: { type: 'string', pattern: '^(ou|on|oc|omt)_' } },
  },
}

function serve() {
  const keyHash = Buffer.from(API_KEY_SHA256, 'hex')

  Object.assign(defaultHttpInstance.defaults, {
    httpAgent: new HttpAgent({ keepAlive: true }),
    httpsAgent: new HttpsAgent({ keepAlive: true }),
    // Feishu's API never redirects; this spares the layer that would follow.
    maxRedirects: 0,
    // Spares a look through the environment at every call.
    proxy: false,
  })
  const client = new Client({
    appId: APP_ID,
    appSecret: APP_SECRET,
    domain: FEISHU_BASE_URL,
    loggerLevel: LoggerLevel.error,
  })

  // node:http alone was not measurably faster than Fastify: the time goes into the SDK's call.
  const app = fastify()

  app.addHook('onRequest', async (request, reply) => {
    const hash = createHash('sha256').update(request.headers['x-api-key'] ?? '').digest()
    if (!timingSafeEqual(hash, keyHash)) return reply.code(401).send({ error: 'unknown API key' })
  })

  app.post('/v1/messages/:message_id/forward', { schema: forwardSchema }, async (request, reply) => {
    const { receive_id } = request.body
    const { code, msg, data } = await client.im.v1.message
      .forward({
        path: { message_id: request.params.message_id },
        params: {
          receive_id_type: RECEIVE_ID_TYPES[receive_id.slice(0, receive_id.indexOf('_'))],
          uuid: randomUUID(),
        },
        data: { receive_id },
      })
      // Feishu's code is also in the body of an answer that is no 2xx, which the SDK throws.
      .catch((error) => ({ msg: error.message, ...error.response?.data }))
    if (code !== 0) return reply.code(502).send({ code, msg })
    return data
  })

  process.once('SIGTERM', () => app.close().then(() => process.exit()))
  return app.listen({ host: '127.0.0.1', port: Number(PORT) })
}

function superviseWorkers(count) {
  let listening = 0
  // The workers share the port, also one that the system chose.
  cluster.on('listening', (_worker, { port }) => {
    listening += 1
    if (listening === count) console.log(`listening ${port}`)
  })
  for (let i = 0; i < count; i += 1) cluster.fork()
  process.once('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill()
  })
}

if (cluster.isPrimary && Number(WORKERS) > 1) {
  superviseWorkers(Number(WORKERS))
} else {
  const address = await serve()
  if (cluster.isPrimary) console.log(`listening ${new URL(address).port}`)
}
