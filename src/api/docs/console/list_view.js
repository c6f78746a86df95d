// The list of the caller's own broadcasts.

import { get, Problem } from './api.js';
import { fill, make, one } from './dom.js';
import { number, say, time } from './language.js';
import { attempt, showTrouble } from './trouble.js';

const PAGE = 20;

const list = one('#list');
const [table, rows, more] = [one('table', list), one('tbody', list), one('#more')];

let signal;
let cursor;

// Loads the newest ones. Shows nothing but the reason where the gateway has no broadcasts.
export const openList = async (session) => {
  signal = session;
  fill(rows);
  for (const part of [table, one('#none'), more]) part.hidden = true;
  const isOff = await load(undefined) === 'off';
  for (const part of [one('#new'), one('#list-title')]) part.hidden = isOff;
};

const load = async (from) => attempt(one('.answer', list), signal, async () => {
  const query = new URLSearchParams({ limit: PAGE, ...(from && { cursor: from }) });
  let page;
  try {
    page = await get(`v1/broadcasts?${query}`, { signal });
  } catch (error) {
    if (!(error instanceof Problem) || error.body.code !== 'broadcasts_not_configured') throw error;
    showTrouble(one('.answer', list), error);
    return 'off';
  }
  const before = rows.children.length;
  rows.append(...page.broadcasts.map(row));
  cursor = page.next_cursor;
  table.hidden = rows.children.length === 0;
  one('#none').hidden = !table.hidden;
  // Whoever pressed the button goes on at the first of those that came.
  if (from) rows.children[before]?.querySelector('a').focus();
  more.hidden = cursor === undefined;
  return 'loaded';
});

const row = (broadcast) => {
  const { id, state, created_at: at, message_id: message, total, counts } = broadcast;
  return make(
    'tr', {},
    make('th', { scope: 'row' }, make('a', { href: `#${id}` }, time(at)), make('small', {}, message)),
    make('td', {}, say(`state_${state}`)),
    make('td', { class: 'number' }, say('deliveredOf', number(counts.delivered), number(total))),
  );
};

more.addEventListener('click', () => load(cursor));
