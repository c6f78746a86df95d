// What the page says when a request fails.

import { NoAnswer, Problem, problemPage } from './api.js';
import { breakable, fill, make } from './dom.js';
import { has, say } from './language.js';

const MOST_SHOWN = 10;

// Does something that calls the API, and shows in `answer` why it failed. Resolves to what it resolved to, or undefined.
// A refused key is told to the page as a whole.
export const attempt = async (answer, signal, action) => {
  fill(answer);
  try {
    return await action();
  } catch (error) {
    if (signal?.aborted) return undefined;
    if (error instanceof Problem && error.status === 401) {
      document.dispatchEvent(new CustomEvent('unauthorized', { detail: error }));
    } else {
      showTrouble(answer, error);
    }
    return undefined;
  }
};

export const showTrouble = (answer, error) => {
  if (error instanceof Problem) fill(answer, problemBox(error));
  else if (error instanceof NoAnswer) fill(answer, box(say('noAnswer'), say('noAnswerDetail')));
  else throw error;
};

export const box = (title, ...texts) =>
  make('div', { class: 'box bad' }, make('p', {}, make('strong', {}, title)), texts.map((text) => make('p', {}, text)));

const problemBox = ({ status, body, message }) => {
  if (!body.code) return box(message, say('foreignAnswer', status));
  const shown = box(body.title, body.detail);
  const errors = (body.errors ?? []).slice(0, MOST_SHOWN);
  if (errors.length > 0) {
    shown.append(make('ul', {}, errors.map(({ field, detail }) => make('li', {}, make('code', {}, field), ' ', detail))));
  }
  if (body.code === 'broadcasts_not_configured') shown.append(make('p', {}, say('notConfigured')));
  if (body.remedy) shown.append(make('p', {}, body.remedy));
  const who = has(`fix_${body.fix_by}`) && `${say('whoFixes')}${say(`fix_${body.fix_by}`)}`;
  if (who) shown.append(make('p', { class: 'hint' }, who));
  const link = make('a', { href: problemPage(body.code) }, breakable(body.code));
  shown.append(make('p', { class: 'hint' }, link, ' · ', say('requestId'), make('code', {}, body.request_id)));
  return shown;
};
