// Forwards a message and repeats it until it is sure to have arrived once. Node's own fetch alone.
//
//   GATEWAY_URL=http://… GATEWAY_KEY=ffg_… node forward.ts MESSAGE_ID RECEIVE_ID KEY
//
// (Node 22.18 or later; before it, `npx tsc` makes JavaScript of it first.) KEY is your name for this
// forward, such as order-17: with one key the message goes out once.

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
    headers: { 'X-API-Key': GATEWAY_KEY, 'Idempotency-Key': key, 'Content-Type': 'application/json' },
    body: JSON.stringify({ receive_id: receiveId }),
    // Longer than the gateway's own deadline of 15 s.
    signal: AbortSignal.timeout(30_000),
  });

// What may pass and what is unknown can be repeated, as the key stays the same.
const mayBeRepeated = ({ code, retryable, outcome }: Problem) =>
  (retryable || outcome === 'unknown') && code !== 'too_late_to_repeat';

// The new message's id, or nothing if it has to be given up.
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
