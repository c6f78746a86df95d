// Calls of the gateway's API. All addresses are relative to the page, so they hold behind a proxy's prefix.

import { apiKey } from './kept.js';
import { language } from './language.js';

const ROOT = new URL('../', document.baseURI);

// An answer that is a problem (RFC 9457), or one of a proxy's that is not.
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.title ?? `HTTP ${status}`);
    this.status = status;
    this.body = body;
    // How long to wait before the next attempt, in milliseconds.
    this.retryAfter = retryAfter;
  }
}

// Whether nothing can have been accepted. A gateway that failed, or a proxy before it, may have lost the answer.
export const isCertain = (error) => error instanceof Problem && (error.status < 500 || error.status === 501);

// There was no answer, or it broke off.
export class NoAnswer extends Error {}

// The answer to a request for a path, which is a success or "not modified".
export const ask = async (path, { headers, accept = 'application/json', ...options } = {}) => {
  let answer;
  try {
    answer = await fetch(new URL(path, ROOT), {
      ...options,
      cache: 'no-store',
      headers: { Accept: accept, 'Accept-Language': language(), 'X-API-Key': apiKey() ?? '', ...headers },
    });
  } catch (cause) {
    throw options.signal?.aborted ? cause : new NoAnswer('', { cause });
  }
  if (answer.ok || answer.status === 304) return answer;
  const body = await answer.json().catch(() => ({}));
  const seconds = Number(answer.headers.get('Retry-After'));
  throw new Problem(answer.status, body, Number.isFinite(seconds) ? seconds * 1000 : 0);
};

// The body of an answer, which can break off.
const body = async (answer, kind) => {
  try {
    return await answer[kind]();
  } catch (cause) {
    throw cause.name === 'AbortError' ? cause : new NoAnswer('', { cause });
  }
};

export const json = (answer) => body(answer, 'json');

export const blob = (answer) => body(answer, 'blob');

export const get = async (path, options) => json(await ask(path, options));

export const post = async (path, content, options = {}) => {
  const headers = { ...(content && { 'Content-Type': 'application/json' }), ...options.headers };
  return json(await ask(path, { ...options, method: 'POST', body: JSON.stringify(content), headers }));
};

// The address of a problem's page.
export const problemPage = (code) => new URL(`problems/${encodeURIComponent(code)}?lang=${language()}`, ROOT).href;
