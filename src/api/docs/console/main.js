// The console: which view is shown, in which language, and with which key.

import { openBroadcast } from './broadcast_view.js';
import { fill, one, translate, write } from './dom.js';
import { apiKey, forgetKey, keepKey, refuseKey } from './kept.js';
import { choose, language, say } from './language.js';
import { openList } from './list_view.js';
import { openStart, showStart } from './start_view.js';
import { box, showTrouble } from './trouble.js';

const VIEWS = ['key', 'start', 'broadcast'];
const keyField = one('#api-key');
const keyAnswer = one('#key .answer');

let session = new AbortController();

// Shows what the address asks for, or the field for the key.
const open = ({ isFirst = false } = {}) => {
  session.abort();
  session = new AbortController();
  const { signal } = session;
  const id = /^#(bc_[0-9a-f]{32})$/.exec(location.hash)?.[1];
  document.title = `${say('broadcasts')} · feishu-forward-gateway`;
  if (apiKey() === null) return show('key', isFirst);
  if (id) {
    show('broadcast', isFirst);
    return openBroadcast(id, signal);
  }
  show('start', isFirst);
  openStart(signal);
  return openList(signal);
};

const show = (view, isFirst) => {
  for (const name of VIEWS) one(`#${name}`).hidden = name !== view;
  one('#kept').hidden = view === 'key';
  if (view === 'key') keyField.focus();
  // A screen reader begins to read at the heading of a new view.
  else if (!isFirst) one(`#${view} h1`).focus();
};

const writeTexts = () => {
  document.documentElement.lang = language();
  translate();
  const button = one('#language');
  const other = language() === 'en' ? 'zh' : 'en';
  button.lang = other;
  write(button, say('otherLanguage'));
  for (const link of document.querySelectorAll('nav a.page')) {
    const url = new URL(link.getAttribute('href'), document.baseURI);
    url.searchParams.set('lang', language());
    link.href = url.href;
  }
};

one('#language').addEventListener('click', () => {
  choose(language() === 'en' ? 'zh' : 'en');
  writeTexts();
  showStart();
  open({ isFirst: true });
  one('#language').focus();
});

one('#key').addEventListener('submit', async (event) => {
  event.preventDefault();
  const key = keyField.value.trim();
  if (!/^[!-~]+$/.test(key)) {
    fill(keyAnswer, box(say('keyIsEmpty')));
    keyField.focus();
    return;
  }
  keepKey(key);
  keyField.value = '';
  fill(keyAnswer);
  open();
});

one('#forget').addEventListener('click', () => {
  forgetKey();
  location.reload();
});

document.addEventListener('unauthorized', ({ detail }) => {
  refuseKey();
  open();
  showTrouble(keyAnswer, detail);
});

addEventListener('hashchange', () => open());

writeTexts();
open({ isFirst: true });
