// Forwards a message once. Retries while a retry may help. Needs only Node's own fetch.
//
//   GATEWAY_URL=http://… GATEWAY_KEY=ffg_… node forward.ts MESSAGE_ID RECEIVE_ID KEY
//
// KEY is your name for this forward, such as order-17. Within an hour, the gateway sends one message for one key.
// Prints the id of the new message. Exit code: 0 it arrived, 1 it did not or nobody knows, 2 wrong usage.
// Node 22.18 or later runs this file as it is. For an older Node, compile it with `npx tsc` first.

import { setTimeout as pauseFor } from 'node:timers/promises';

interface Problem {
  code: string;
  outcome: 'not_delivered' | 'unknown';
  retryable: boolean;
  detail: string;
  fix_by: string;
  remedy: string;
}

const { GATEWAY_URL, GATEWAY_KEY } = process.env;
const [messageId, receiveId, key] = process.argv.slice(2);
if (!GATEWAY_URL || !GATEWAY_KEY || !messageId || !receiveId || !key) {
  console.error('usage: GATEWAY_URL=http://… GATEWAY_KEY=ffg_… node forward.ts MESSAGE_ID RECEIVE_ID KEY');
  process.exit(2);
}

const attempt = () =>
  fetch(`${GATEWAY_URL}/v1/messages/${messageId}/forward`, {
    method: 'POST',
    headers: { 'X-API-Key': GATEWAY_KEY, 'Idempotency-Key': encodeURIComponent(key), 'Content-Type': 'application/json' },
    body: JSON.stringify({ receive_id: receiveId }),
    // 30 s is longer than the gateway's own deadline of 15 s.
    signal: AbortSignal.timeout(30_000),
  });

// Says whether a retry may help. It is safe because the key stays the same.
const mayBeRepeated = ({ code, retryable, outcome }: Problem) =>
  (retryable || outcome === 'unknown') && code !== 'too_late_to_repeat';

// Returns the id of the new message, or nothing if no retry helps.
const forward = async (): Promise<string | undefined> => {
  for (const pause of [1, 2, 4, 8, undefined]) {
    let wait = pause;
    try {
      const answer = await attempt();
      if (answer.ok) return ((await answer.json()) as { message_id: string }).message_id;
      const problem = (await answer.json()) as Problem;
      console.error(`${problem.code} (${problem.outcome}): ${problem.detail}`);
      if (pause === undefined || !mayBeRepeated(problem)) {
        console.error(`fix by ${problem.fix_by}: ${problem.remedy}`);
        return undefined;
      }
      wait = Number(answer.headers.get('Retry-After') ?? pause);
    } catch (error) {
      console.error(`no answer: ${error}`);
    }
    if (wait === undefined) return undefined;
    console.error(`trying again in ${wait} s`);
    await pauseFor(wait * 1000);
  }
  return undefined;
};

const newId = await forward();
if (newId === undefined) process.exit(1);
console.log(newId);
