// The view for a new broadcast: the form, a look at what it would do, and the start.

import { isCertain, post, Problem } from './api.js';
import { confirm, fill, make, one, write } from './dom.js';
import * as editor from './editor.js';
import { beginPending, endPending, pending, randomKey } from './kept.js';
import { number, say, time, until } from './language.js';
import { TYPES } from './receivers.js';
import { focusMistakes, hasMistakes, receivers, refuse, refuseNobody, setDisabled, showReceivers } from './receivers_view.js';
import { attempt } from './trouble.js';

const PURPOSE = 'new';

const form = one('#new');
const message = one('#message');
const preview = one('#preview');
const [formAnswer, previewAnswer] = [one('#form-answer'), one('.answer', preview)];

let signal;
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
  receivers();
  showReceivers();
  showPreview();
};

// Writes everything again, in the language of the page. What the gateway has said is in the other one.
export const showStart = () => {
  for (const answer of [formAnswer, previewAnswer]) fill(answer);
  showMessageMistake();
  refuse([]);
  showPreview();
};

const forgetLook = () => {
  if (!looked) return;
  looked = undefined;
  showPreview();
};

editor.onEdit(forgetLook);

message.addEventListener('input', () => {
  forgetLook();
  showMessageMistake();
});

const showMessageMistake = (detail) => {
  const shown = one('#message-mistake');
  shown.hidden = !detail;
  write(shown, detail ?? '');
  if (detail) message.setAttribute('aria-invalid', 'true');
  else message.removeAttribute('aria-invalid');
};

// The look before the start.

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  message.value = message.value.trim();
  const isMessage = /^om_[\w-]+$/.test(message.value);
  showMessageMistake(isMessage ? undefined : say('messageMistake'));
  const count = receivers().length;
  refuse([]);
  if (count === 0 && !hasMistakes()) refuseNobody();
  if (!isMessage) message.focus();
  else if (hasMistakes()) focusMistakes();
  else await look();
});

const look = async () => {
  const check = one('#check');
  check.disabled = true;
  const answer = await attempt(formAnswer, signal, async () => {
    try {
      // The key is for this look only.
      return await post(`${path()}?dry_run=true`, request(), { signal, headers: { 'Idempotency-Key': randomKey() } });
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

const path = () => `v1/messages/${encodeURIComponent(message.value)}/broadcasts`;

const request = () => ({
  receivers: receivers().map(({ receive_id, receive_id_type }) => ({ receive_id, receive_id_type })),
});

// Shows what the gateway says of fields at their places. Fails with what has no place here.
const takeRefused = (problem) => {
  const sent = receivers();
  const placed = problem.body.errors.map(({ field, detail }) => {
    const place = /^receivers\[(\d+)\]/.exec(field)?.[1];
    return { field, detail, line: sent[place]?.line };
  });
  const [ofLines, others] = [placed.filter(({ line }) => line), placed.filter(({ line }) => !line)];
  const ofMessage = others.find(({ field }) => field === 'message_id');
  showMessageMistake(ofMessage?.detail);
  refuse(ofLines);
  if (ofMessage) message.focus();
  else if (ofLines.length > 0) focusMistakes();
  const errors = others.filter((it) => it !== ofMessage);
  if (errors.length > 0) throw new Problem(problem.status, { ...problem.body, errors });
};

// The start, and its repetition if the answer was lost.

const showPreview = () => {
  const lost = Boolean(pending(PURPOSE));
  preview.hidden = !lost && !looked;
  // What was asked for cannot be changed before it is known whether it was accepted.
  message.disabled = lost;
  one('#check').disabled = lost;
  setDisabled(lost);
  if (preview.hidden) return;
  const list = one('ul', preview);
  for (const part of [list, one('#preview-note')]) part.hidden = lost;
  write(one('#go'), say(lost ? 'tryAgain' : 'go'));
  if (lost) {
    write(one('h2', preview), say('lostTitle'));
    write(one('#preview-finish'), say('lost'));
    return;
  }
  const { total, by_type: counts, estimated_finish_at: finish } = looked;
  write(one('h2', preview), say('previewTitle', number(total), total === 1));
  write(one('#preview-finish'), finish ? say('previewFinish', time(finish), until(finish)) : '');
  const types = TYPES.filter((type) => counts[type] > 0);
  fill(list, types.map((type) => make('li', {}, say(`type_${type}`, number(counts[type]), counts[type] === 1))));
};

one('#go').addEventListener('click', async ({ target }) => {
  target.disabled = true;
  const { idempotencyKey } = beginPending(PURPOSE, { message: message.value, text: editor.text() });
  const broadcast = await attempt(previewAnswer, signal, () => start(idempotencyKey));
  target.disabled = false;
  if (!broadcast) {
    showPreview();
    return;
  }
  [message.value, looked] = ['', undefined];
  editor.write('');
  location.hash = broadcast.id;
});

const start = async (key) => {
  try {
    const broadcast = await post(path(), request(), { headers: { 'Idempotency-Key': key } });
    endPending(PURPOSE);
    return broadcast;
  } catch (error) {
    // What was refused was not accepted. Every other failure leaves it open.
    if (isCertain(error)) endPending(PURPOSE);
    throw error;
  }
};

one('#change').addEventListener('click', async () => {
  if (pending(PURPOSE)) {
    const isSure = await confirm({
      title: say('discardTitle'), text: say('discard'), yes: say('discardYes'), no: say('discardNo'),
    });
    if (!isSure) return;
    endPending(PURPOSE);
  }
  looked = undefined;
  fill(previewAnswer);
  showPreview();
  message.focus();
});
