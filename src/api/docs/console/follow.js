// Follows a broadcast until it has ended: by server-sent events, or by long polls where no events come through.

import { ask, get, json, NoAnswer, Problem } from './api.js';
import { eventsOf } from './event_stream.js';

// A stream that says nothing for so long, not even a comment, is held back by something between.
const LONGEST_SILENCE = 45_000;
const [FIRST_PAUSE, LONGEST_PAUSE] = [1_000, 30_000];

export const isOver = (broadcast) => broadcast.finished_at !== undefined;

// Calls `onBroadcast` with each new state, and `onTrouble` with whether the connection is lost for now. Returns when the
// broadcast has ended or the signal is aborted. Fails with a problem that will not pass by itself.
export const follow = async (id, { signal, onBroadcast, onTrouble }) => {
  const state = { id, signal, lastEvent: '', etag: '', isPolling: false, heard: 0, broadcast: undefined };
  let pause = FIRST_PAUSE;
  while (!signal.aborted) {
    const heardBefore = state.heard;
    let least = 0;
    try {
      for await (const broadcast of state.isPolling ? poll(state) : listen(state)) {
        onTrouble(false);
        onBroadcast(broadcast);
        if (isOver(broadcast)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && !passes(error)) throw error;
      if (!(error instanceof Problem || error instanceof NoAnswer)) throw error;
      least = error.retryAfter ?? 0;
      onTrouble(true);
    }
    pause = state.heard > heardBefore ? FIRST_PAUSE : Math.min(pause * 2, LONGEST_PAUSE);
    await wait(Math.max(pause, least), signal);
  }
};

const passes = ({ status }) => status === 429 || status >= 500 && status !== 501;

// The states that the event stream tells, until it ends.
const listen = async function* (state) {
  const quiet = new AbortController();
  const signal = AbortSignal.any([state.signal, quiet.signal]);
  let timer = setTimeout(() => quiet.abort(), LONGEST_SILENCE);
  try {
    const headers = state.lastEvent ? { 'Last-Event-ID': state.lastEvent } : {};
    const path = `v1/broadcasts/${state.id}/events`;
    const answer = await ask(path, { headers, signal, accept: 'text/event-stream' });
    const kind = answer.headers.get('Content-Type') ?? '';
    if (!kind.startsWith('text/event-stream')) throw new NoEvents();
    for await (const { name, data, id } of eventsOf(answer.body)) {
      clearTimeout(timer);
      timer = setTimeout(() => quiet.abort(), LONGEST_SILENCE);
      state.heard += 1;
      if (id) state.lastEvent = id;
      if (name === 'progress' || name === 'completed') yield JSON.parse(data);
    }
  } catch (error) {
    if (state.signal.aborted) throw error;
    const noSuchRoute = error instanceof Problem && [404, 405, 406].includes(error.status)
      && error.body.code !== 'broadcast_not_found';
    if (error instanceof NoEvents || noSuchRoute || quiet.signal.aborted) state.isPolling = true;
    else if (error instanceof Problem || error instanceof NoAnswer) throw error;
    else throw new NoAnswer('', { cause: error });
  } finally {
    clearTimeout(timer);
  }
};

class NoEvents extends Error {}

// The state after its next change.
const poll = async function* (state) {
  const { id, signal } = state;
  const headers = { Prefer: 'wait=20', ...(state.etag && { 'If-None-Match': state.etag }) };
  const answer = await ask(`v1/broadcasts/${id}`, { headers, signal });
  state.heard += 1;
  if (answer.status === 304) return;
  state.etag = answer.headers.get('ETag') ?? '';
  yield await json(answer);
};

export const find = (id, signal) => get(`v1/broadcasts/${id}`, { signal });

const wait = (milliseconds, signal) =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
