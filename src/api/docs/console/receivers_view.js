// The list of receivers: what was written, pasted, chosen or dropped, how many they are, and what is wrong with them.

import { announce, fill, make, one, write } from './dom.js';
import * as editor from './editor.js';
import { number, say } from './language.js';
import { decode, MOST_BYTES, placeOf, read, withoutDuplicates } from './receivers.js';
import { box } from './trouble.js';

const MOST_SHOWN = 100;
const READ_AFTER = 250;

const mistakesBox = one('#mistakes');
const fileAnswer = one('#file-answer');
const duplicatesButton = one('#duplicates button');

let content = read('');
// What the gateway has said of lines: `{ line, text, detail }`.
let refused = [];

// The receivers as they are written now, each with its line.
export const receivers = () => {
  takeContent();
  return content.receivers;
};

export const hasMistakes = () => mistakes().length > 0;

// Shows that there is no receiver.
export const refuseNobody = () => {
  content.mistakes.push({ line: 1, kind: 'nobody' });
  showReceivers();
};

// Shows what the gateway has said of lines: `{ line, detail }`. It stays at a line until that is changed.
export const refuse = (found) => {
  refused = found.map(({ line, detail }) => {
    const { start, end } = placeOf(editor.text(), line);
    return { line, detail, text: editor.text().slice(start, end) };
  });
  showReceivers();
};

export const focusMistakes = () => one('h2', mistakesBox).focus();

export const setDisabled = (isDisabled) => {
  for (const field of [one('#receivers'), one('#file'), duplicatesButton]) field.disabled = isDisabled;
};

// Shows the number of receivers and what is wrong with them, in the language of the page.
export const showReceivers = () => {
  const found = mistakes();
  const [count, twice] = [content.receivers.length, content.duplicates.length];
  write(one('#count'), count > 0 ? counted('receiverCount', count) : '');
  one('#duplicates').hidden = twice === 0;
  write(one('#duplicates p'), counted('duplicates', twice));
  mistakesBox.hidden = found.length === 0;
  write(one('h2', mistakesBox), counted('mistakes', found.length));
  fill(one('ul', mistakesBox), found.slice(0, MOST_SHOWN).map(mistakeItem));
  write(one('p', mistakesBox), found.length > MOST_SHOWN ? say('moreMistakes', number(found.length - MOST_SHOWN)) : '');
  editor.mark(found.map(({ line }) => line));
};

const takeContent = () => {
  clearTimeout(timer);
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

const counted = (name, count) => say(name, number(count), count === 1);

const mistakeItem = ({ line, detail }) => {
  const { start, end } = placeOf(editor.text(), line);
  const begin = editor.text().slice(start, Math.min(end, start + 60));
  const attributes = { type: 'button', class: 'link', onclick: () => editor.select(line) };
  const button = make('button', attributes, say('mistakeAt', number(line)));
  return make('li', {}, button, ': ', begin && make('code', {}, begin), begin && ' – ', detail);
};

let timer;
editor.onEdit(() => {
  clearTimeout(timer);
  timer = setTimeout(() => {
    takeContent();
    showReceivers();
    const wrong = mistakesBox.hidden ? [] : [one('h2', mistakesBox).textContent];
    announce([one('#count').textContent, ...wrong].join(', '));
  }, READ_AFTER);
});

duplicatesButton.addEventListener('click', () => {
  editor.write(withoutDuplicates(editor.text()));
  takeContent();
  showReceivers();
  one('#receivers').focus();
  announce(one('#count').textContent, { atOnce: true });
});

// A file, from the picker or dropped.

const takeFile = async (file) => {
  fill(fileAnswer);
  if (file.size > MOST_BYTES) {
    fill(fileAnswer, box(file.name, say('fileTooLarge', number(MOST_BYTES / 1_000_000))));
    return;
  }
  try {
    editor.write(decode(new Uint8Array(await file.arrayBuffer())));
  } catch {
    fill(fileAnswer, box(file.name, say('fileUnreadable')));
  }
};

one('#file').addEventListener('change', ({ target }) => {
  if (target.files.length > 0) takeFile(target.files[0]);
  // So that the same file can be chosen again.
  target.value = '';
});

const target = one('#editor');
const hasFile = (event) => event.dataTransfer.types.includes('Files');
target.addEventListener('dragover', (event) => {
  if (!hasFile(event)) return;
  event.preventDefault();
  target.classList.add('over');
});
target.addEventListener('dragleave', () => target.classList.remove('over'));
target.addEventListener('drop', (event) => {
  if (!hasFile(event)) return;
  event.preventDefault();
  target.classList.remove('over');
  if (!one('#receivers').disabled) takeFile(event.dataTransfer.files[0]);
});
