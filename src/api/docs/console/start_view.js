// The view for a new broadcast: the form, a look at what it would do, and the start.

import { post, Problem } from './api.js';
import { announce, confirm, fill, make, one, write } from './dom.js';
import * as editor from './editor.js';
import { beginPending, endPending, pending, randomKey } from './kept.js';
import { number, say, time, until } from './language.js';
import { decode, MOST_BYTES, placeOf, read, TYPES, withoutDuplicates } from './receivers.js';
import { attempt, box } from './trouble.js';

const PURPOSE = 'new';
const MOST_SHOWN = 100;
const READ_AFTER = 250;

const form = one('#new');
const message = one('#message');
const [mistakesBox, preview] = [one('#mistakes'), one('#preview')];
const [formAnswer, previewAnswer] = [one('.answer', form), one('.answer', preview)];

let signal;
let content = read('');
// What the server has said of lines: `{ line, text, detail }`.
let refused = [];
// What the dry run has answered, if nothing was changed since.
let looked;

// Shows the view. `signal` is aborted when another one is shown.
export const openStart = (session) => {
  signal = session;
  const lost = pending(PURPOSE);
  if (lost) {
    message.value = lost.content.message;
    editor.write(lost.content.text);
  }
  takeContent();
  showContent();
  showPreview();
};

// Writes everything again, in the language of the page.
export const showStart = () => {
  refused = [];
  fill(formAnswer);
  fill(previewAnswer);
  showContent();
  showPreview();
};

// Takes what was written, and shows its number and its mistakes.
const takeContent = () => {
  content = read(editor.text());
  const lines = new Map(editor.text().split('\n').map((text, index) => [text, index + 1]).reverse());
  refused = refused.filter(({ text }) => lines.has(text)).map((it) => ({ ...it, line: lines.get(it.text) }));
};

const mistakes = () => {
  const own = content.mistakes.map(({ line, kind, value }) => {
    const shown = typeof value === 'number' ? number(value) : value;
    return { line, detail: say(`mistake_${kind}`, shown) };
  });
  const twice = content.duplicates.map(({ line }) => ({ line, detail: say('mistake_twice') }));
  return [...own, ...twice, ...refused].sort((a, b) => a.line - b.line);
};

const counted = (name, n, ...more) => say(name, number(n), n === 1, ...more);

const showContent = () => {
  const found = mistakes();
  const { receivers, duplicates } = content;
  write(one('#count'), receivers.length > 0 ? counted('receiverCount', receivers.length) : '');
  one('#duplicates').hidden = duplicates.length === 0;
  write(one('#duplicates p'), counted('duplicates', duplicates.length));
  mistakesBox.hidden = found.length === 0;
  write(one('h2', mistakesBox), counted('mistakes', found.length));
  fill(one('ul', mistakesBox), found.slice(0, MOST_SHOWN).map(mistakeItem));
  write(one('p', mistakesBox), found.length > MOST_SHOWN ? say('moreMistakes', number(found.length - MOST_SHOWN)) : '');
  editor.mark(found.map(({ line }) => line));
};

const mistakeItem = ({ line, detail }) => {
  const { start, end } = placeOf(editor.text(), line);
  const begin = editor.text().slice(start, Math.min(end, start + 60));
  const button = make('button', { type: 'button', class: 'link', onclick: () => editor.select(line) }, say('mistakeAt', number(line)));
  return make('li', {}, button, ': ', begin && make('code', {}, begin), begin && ' – ', detail);
};

let timer;
editor.onEdit(() => {
  forgetLook();
  clearTimeout(timer);
  timer = setTimeout(() => {
    takeContent();
    showContent();
    const wrong = mistakesBox.hidden ? [] : [one('h2', mistakesBox).textContent];
    announce([one('#count').textContent, ...wrong].join(', '));
  }, READ_AFTER);
});

message.addEventListener('input', () => {
  forgetLook();
  showMessageMistake();
});

const forgetLook = () => {
  if (!looked) return;
  looked = undefined;
  showPreview();
};

const showMessageMistake = (detail) => {
  const shown = one('#message-mistake');
  shown.hidden = !detail;
  write(shown, detail ?? '');
  if (detail) message.setAttribute('aria-invalid', 'true');
  else message.removeAttribute('aria-invalid');
};

one('#duplicates button').addEventListener('click', () => {
  editor.write(withoutDuplicates(editor.text()));
  takeContent();
  showContent();
  one('#receivers').focus();
  announce(one('#count').textContent, { atOnce: true });
});

// A file, from the picker or dropped.

const takeFile = async (file) => {
  fill(formAnswer);
  if (file.size > MOST_BYTES) {
    fill(formAnswer, box(file.name, say('fileTooLarge', number(MOST_BYTES / 1_000_000))));
    return;
  }
  try {
    editor.write(decode(new Uint8Array(await file.arrayBuffer())));
  } catch {
    fill(formAnswer, box(file.name, say('fileUnreadable')));
  }
};

one('#file').addEventListener('change', ({ target }) => {
  if (target.files.length > 0) takeFile(target.files[0]);
  // So that the same file can be chosen again.
  target.value = '';
});

const hasFile = (event) => event.dataTransfer.types.includes('Files');
const dropped = one('#editor');
dropped.addEventListener('dragover', (event) => {
  if (!hasFile(event)) return;
  event.preventDefault();
  dropped.classList.add('over');
});
dropped.addEventListener('dragleave', () => dropped.classList.remove('over'));
dropped.addEventListener('drop', (event) => {
  if (!hasFile(event)) return;
  event.preventDefault();
  dropped.classList.remove('over');
  if (!one('#receivers').disabled) takeFile(event.dataTransfer.files[0]);
});

// The look before the start.

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  clearTimeout(timer);
  takeContent();
  refused = [];
  if (content.receivers.length === 0 && content.mistakes.length === 0) content.mistakes.push({ line: 1, kind: 'nobody' });
  const id = message.value.trim();
  message.value = id;
  showMessageMistake(/^om_[\w-]+$/.test(id) ? undefined : say('messageMistake'));
  showContent();
  if (message.hasAttribute('aria-invalid')) message.focus();
  else if (mistakes().length > 0) one('h2', mistakesBox).focus();
  else await look(id);
});

const look = async (id) => {
  const check = one('#check');
  check.disabled = true;
  const answer = await attempt(formAnswer, signal, async () => {
    try {
      // The key is for this look only.
      const headers = { 'Idempotency-Key': randomKey() };
      return await post(`${pathOf(id)}?dry_run=true`, request(), { headers, signal });
    } catch (error) {
      if (error instanceof Problem && error.body.errors) return takeRefused(error);
      throw error;
    }
  });
  check.disabled = false;
  if (!answer) return;
  looked = answer;
  showPreview();
  one('h2', preview).focus();
};

const pathOf = (id) => `v1/messages/${encodeURIComponent(id)}/broadcasts`;

const request = () => ({
  receivers: content.receivers.map(({ receive_id, receive_id_type }) => ({ receive_id, receive_id_type })),
});

// Shows what the server says of fields at their places. Fails with what has no place here.
const takeRefused = (problem) => {
  const placed = problem.body.errors.map(({ field, detail }) => {
    const receiver = content.receivers[/^receivers\[(\d+)\]/.exec(field)?.[1]];
    return { field, detail, line: receiver?.line };
  });
  refused = placed.filter(({ line }) => line).map(({ line, detail }) => {
    const { start, end } = placeOf(editor.text(), line);
    return { line, detail, text: editor.text().slice(start, end) };
  });
  const ofMessage = placed.find(({ field }) => field === 'message_id');
  showMessageMistake(ofMessage?.detail);
  showContent();
  if (ofMessage) message.focus();
  else if (refused.length > 0) one('h2', mistakesBox).focus();
  const errors = placed.filter((it) => !it.line && it !== ofMessage);
  if (errors.length > 0) throw new Problem(problem.status, { ...problem.body, errors });
};

// The start, and its repetition if the answer was lost.

const showPreview = () => {
  const lost = pending(PURPOSE);
  preview.hidden = !lost && !looked;
  for (const field of [message, one('#receivers'), one('#file'), one('#check'), one('#duplicates button')]) {
    field.disabled = Boolean(lost);
  }
  if (preview.hidden) return;
  const list = one('ul', preview);
  for (const part of [list, one('#preview-note')]) part.hidden = Boolean(lost);
  write(one('#go'), say(lost ? 'tryAgain' : 'go'));
  if (lost) {
    write(one('h2', preview), say('lostTitle'));
    write(one('#preview-finish'), say('lost'));
    return;
  }
  write(one('h2', preview), counted('previewTitle', looked.total));
  const finish = looked.estimated_finish_at;
  write(one('#preview-finish'), finish ? say('previewFinish', time(finish), until(finish)) : '');
  const types = TYPES.filter((type) => looked.by_type[type] > 0);
  fill(list, types.map((type) => make('li', {}, counted(`type_${type}`, looked.by_type[type]))));
};

one('#go').addEventListener('click', async ({ target }) => {
  target.disabled = true;
  takeContent();
  const { idempotencyKey } = beginPending(PURPOSE, { message: message.value, text: editor.text() });
  const broadcast = await attempt(previewAnswer, signal, async () => {
    try {
      const answer = await start(idempotencyKey);
      endPending(PURPOSE);
      return answer;
    } catch (error) {
      // What was refused was not accepted. Every other failure leaves it open.
      if (error instanceof Problem && error.status < 500) endPending(PURPOSE);
      throw error;
    }
  });
  target.disabled = false;
  if (broadcast) {
    [message.value, looked] = ['', undefined];
    editor.write('');
    location.hash = broadcast.id;
  } else {
    showPreview();
  }
});

const start = (key) => post(pathOf(message.value), request(), { headers: { 'Idempotency-Key': key } });

one('#change').addEventListener('click', async () => {
  if (pending(PURPOSE)) {
    const answer = await confirm({
      title: say('discardTitle'), text: say('discard'), yes: say('discardYes'), no: say('discardNo'),
    });
    if (!answer) return;
    endPending(PURPOSE);
  }
  looked = undefined;
  fill(previewAnswer);
  showPreview();
  message.focus();
});
