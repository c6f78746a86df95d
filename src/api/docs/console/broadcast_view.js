// The view of one broadcast: how far it is, and what can be done with it.

import { ask, blob, get, isCertain, NoAnswer, post, Problem, problemPage } from './api.js';
import { announce, breakable, confirm, fill, make, one, write } from './dom.js';
import { showFailures } from './failures.js';
import { find, follow, isOver } from './follow.js';
import { beginPending, endPending, pending } from './kept.js';
import { number, say, time, until } from './language.js';
import { attempt } from './trouble.js';

const COUNTS = ['delivered', 'pending', 'in_doubt', 'not_delivered', 'unknown', 'expired', 'canceled'];

const view = one('#broadcast');
const [answer, actionAnswer] = view.querySelectorAll('.answer');
const [cancelButton, retryButton] = [one('#cancel'), one('#retry')];

let signal;
let shown;

// Shows a broadcast, and follows it until it has ended or the signal is aborted.
export const openBroadcast = async (id, session) => {
  signal = session;
  shown = undefined;
  one('#shown').hidden = true;
  fill(actionAnswer);
  await attempt(answer, signal, async () => {
    show(await find(id, signal));
    if (isOver(shown)) return;
    const onTrouble = (isLost) => { one('#trouble').hidden = !isLost; };
    await follow(id, { signal: session, onBroadcast: show, onTrouble });
  });
};

const show = (broadcast) => {
  const wasOver = shown && isOver(shown);
  const isFirst = !shown;
  shown = broadcast;
  const { counts, total } = broadcast;
  const left = counts.pending + counts.in_doubt;
  one('#shown').hidden = false;
  one('#trouble').hidden = true;
  if (isFirst) showFacts(broadcast);
  write(one('#standing'), standing(broadcast, left));
  Object.assign(one('#bar'), { max: total, value: total - left });
  const present = COUNTS.filter((name) => counts[name] > 0);
  fill(one('#counts'), present.map((name) => make('li', { class: name }, say(`count_${name}`, number(counts[name])))));
  showPaused(broadcast);
  showActions(broadcast, left);
  document.title = `${Math.floor((total - left) / total * 100)} % · ${say('broadcasts')}`;
  if (isOver(broadcast) && !wasOver) announce(one('#standing').textContent, { atOnce: true });
  else if (!isOver(broadcast)) announce(one('#standing').textContent);
  showFailures(broadcast, signal);
};

const showFacts = ({ created_at: at, message_id: message, retry_of: earlier }) =>
  fill(
    one('#facts'), say('facts', time(at)), make('code', {}, message),
    earlier && [say('retryOf'), make('a', { href: `#${earlier}` }, say('earlierBroadcast'))],
  );

const standing = (broadcast, left) => {
  const { counts, total, state, estimated_finish_at: finish, finished_at: finished } = broadcast;
  const [delivered, all] = [number(counts.delivered), number(total)];
  const end = finished ? say('finishedAt', time(finished)) : '';
  if (state === 'completed') return say('completed', delivered, all) + end;
  if (state === 'canceled') return say('canceled', delivered, all) + end;
  const when = finish ? say('finishAt', time(finish), until(finish)) : '';
  return say('standing', number(total - left), all, number(left)) + when;
};

let pausedBy;
const showPaused = async ({ paused_by: code }) => {
  const box = one('#paused');
  if (code === pausedBy && box.hidden === !code) return;
  pausedBy = code;
  box.hidden = !code;
  if (!code) return;
  const link = make('a', { href: problemPage(code) }, breakable(code));
  const remedy = make('p');
  fill(box, make('p', {}, say('pausedBy'), link), remedy);
  try {
    const problem = await get(`problems/${code}`, { signal });
    write(link, problem.title);
    write(remedy, problem.remedy);
  } catch (error) {
    // The code says the same, less plainly.
    if (!(error instanceof Problem || error instanceof NoAnswer || signal.aborted)) throw error;
  }
};

const failed = ({ counts }) => counts.not_delivered + counts.expired;

const showActions = (broadcast, left) => {
  cancelButton.hidden = broadcast.state !== 'running' && broadcast.state !== 'paused' || left === 0;
  retryButton.hidden = !isOver(broadcast) || failed(broadcast) === 0;
  const isLost = pending(broadcast.id);
  write(retryButton, isLost ? say('tryAgain') : say('retry', number(failed(broadcast)), failed(broadcast) === 1));
};

cancelButton.addEventListener('click', async () => {
  const left = shown.counts.pending;
  const isSure = await confirm({
    title: say('cancelTitle'), text: say('cancelText', number(left), left === 1), yes: say('cancelYes'), no: say('cancelNo'),
  });
  if (!isSure) return;
  const { id } = shown;
  const canceled = await attempt(actionAnswer, signal, () => post(`v1/broadcasts/${id}/cancel`, undefined, { signal }));
  if (!canceled) return;
  show(canceled);
  one('#broadcast-title').focus();
});

retryButton.addEventListener('click', async () => {
  const { id } = shown;
  const n = failed(shown);
  const texts = { title: say('retryTitle'), text: say('retryText', number(n), n === 1), yes: say('retryYes'), no: say('retryNo') };
  if (!pending(id) && !await confirm(texts)) return;
  const { idempotencyKey } = beginPending(id, {});
  retryButton.disabled = true;
  const started = await attempt(actionAnswer, signal, async () => {
    try {
      const headers = { 'Idempotency-Key': idempotencyKey };
      const retried = await post(`v1/broadcasts/${id}/retry`, {}, { headers });
      endPending(id);
      return retried;
    } catch (error) {
      if (isCertain(error)) endPending(id);
      throw error;
    }
  });
  retryButton.disabled = false;
  if (started) location.hash = started.id;
  else showActions(shown, 0);
});

one('#download').addEventListener('click', async ({ target }) => {
  target.disabled = true;
  const { id } = shown;
  await attempt(actionAnswer, signal, async () => {
    const csv = await ask(`v1/broadcasts/${id}/receivers`, { accept: 'text/csv', signal });
    // Excel takes a file that begins with this mark for UTF-8.
    const url = URL.createObjectURL(new Blob(['\ufeff', await blob(csv)]));
    make('a', { href: url, download: `${id}.csv` }).click();
    URL.revokeObjectURL(url);
  });
  target.disabled = false;
});
