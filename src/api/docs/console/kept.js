// What the tab remembers, and forgets when it is closed: the API key, and what was asked for without an answer yet.

const KEY = 'console.key';
const PENDING = 'console.pending';

export const apiKey = () => sessionStorage.getItem(KEY);

export const keepKey = (key) => sessionStorage.setItem(KEY, key);

// Forgets a key that was refused.
export const refuseKey = () => sessionStorage.removeItem(KEY);

// Forgets the key, and what was asked for with it.
export const forgetKey = () => {
  sessionStorage.removeItem(KEY);
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(PENDING)) sessionStorage.removeItem(name);
  pendings.clear();
};

// Requests whose answer is not there, in case the tab cannot keep them because they are too large.
const pendings = new Map();

// The request of this purpose whose answer was lost, or undefined.
export const pending = (purpose) => {
  const kept = sessionStorage.getItem(`${PENDING}.${purpose}`);
  return kept === null ? pendings.get(purpose) : JSON.parse(kept);
};

// The request of this purpose with this content, with its idempotency key: that of an earlier one, if its answer was lost.
export const beginPending = (purpose, content) => {
  const before = pending(purpose);
  if (before && JSON.stringify(before.content) === JSON.stringify(content)) return before;
  const begun = { idempotencyKey: randomKey(), content };
  pendings.set(purpose, begun);
  try {
    sessionStorage.setItem(`${PENDING}.${purpose}`, JSON.stringify(begun));
  } catch {
    sessionStorage.removeItem(`${PENDING}.${purpose}`);
  }
  return begun;
};

// The answer to the request of this purpose is there.
export const endPending = (purpose) => {
  pendings.delete(purpose);
  sessionStorage.removeItem(`${PENDING}.${purpose}`);
};

// A new idempotency key. Browsers have `randomUUID` only behind TLS and on loopback.
export const randomKey = () => {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
};
