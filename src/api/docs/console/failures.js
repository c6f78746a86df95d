// Who has not got the message, grouped by why.

import { get, problemPage } from './api.js';
import { breakable, fill, make, one, write } from './dom.js';
import { isOver } from './follow.js';
import { has, number, say } from './language.js';
import { attempt } from './trouble.js';

const OUTCOMES = ['not_delivered', 'unknown', 'expired'];
const PAGE = 1_000;
const MOST_SHOWN = 200;
// While a broadcast runs, how long it is after a page of failures until they are read again.
const PAUSE_OF_PAGE = 2_000;

const section = one('#failures');

let loading;

// Shows the failures of a broadcast, and reads them if there are other ones than before.
export const showFailures = (broadcast, signal) => {
  const { id, counts } = broadcast;
  const total = OUTCOMES.reduce((sum, outcome) => sum + counts[outcome], 0);
  if (loading?.signal !== signal) {
    loading = { signal, id, read: 0, isReading: false, isWaiting: false };
    fill(one('#groups'));
  }
  section.hidden = total === 0;
  write(one('h2', section), say('failures', number(total), total === 1));
  loading.wanted = total;
  loading.isOver = isOver(broadcast);
  if (loading.isOver || !loading.isWaiting) readAll(loading);
};

const readAll = async (state) => {
  const { wanted, signal } = state;
  if (state.isReading || state.read === wanted || signal.aborted) return;
  state.isReading = true;
  const found = await attempt(one('.answer', section), signal, () => readPages(state));
  state.isReading = false;
  if (!found || signal.aborted) return;
  state.read = wanted;
  showGroups(groupsOf(found));
  if (state.isOver) {
    // There may be more than when the reading began.
    readAll(state);
    return;
  }
  state.isWaiting = true;
  setTimeout(() => {
    state.isWaiting = false;
    readAll(state);
  }, PAUSE_OF_PAGE * Math.ceil(found.length / PAGE));
};

const readPages = async ({ id, signal }) => {
  const found = [];
  let cursor;
  do {
    const query = new URLSearchParams({ outcome: OUTCOMES.join(','), limit: PAGE, ...(cursor && { cursor }) });
    const page = await get(`v1/broadcasts/${id}/receivers?${query}`, { signal });
    found.push(...page.receivers);
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  return found;
};

// The largest first.
const groupsOf = (receivers) => {
  const groups = new Map();
  for (const receiver of receivers) {
    const { outcome, problem } = receiver;
    const name = [outcome, problem?.code, problem?.remedy].join(' ');
    if (!groups.has(name)) groups.set(name, { name, outcome, problem, receivers: [] });
    groups.get(name).receivers.push(receiver);
  }
  return [...groups.values()].sort((one, other) => other.receivers.length - one.receivers.length);
};

// Groups that are there already stay, so that one which is open remains open.
const showGroups = (groups) => {
  const before = new Map(Array.from(one('#groups').children, (element) => [element.group.name, element]));
  const shown = groups.map((group) => before.get(group.name) ?? groupElement(group));
  const own = one('#groups');
  for (const element of [...own.children]) if (!shown.includes(element)) element.remove();
  shown.forEach((element, place) => {
    if (own.children[place] !== element) own.insertBefore(element, own.children[place] ?? null);
    element.group = groups[place];
    showReceivers(element);
  });
};

const groupElement = (group) => {
  const { outcome, problem } = group;
  const details = make('details', {}, make('summary'), make('ul', { class: 'ids' }), make('p', { class: 'hint' }));
  const element = make('article', { class: 'box' }, make('h3', {}, problem?.title ?? say(`group_${outcome}`)));
  if (problem) element.append(make('p', { class: 'hint' }, say(`group_${outcome}`)), ...explanation(problem));
  element.append(details);
  element.group = group;
  details.addEventListener('toggle', () => showReceivers(element));
  return element;
};

const explanation = ({ code, remedy, fix_by: who, feishu_code: feishu }) => {
  const link = make('a', { href: problemPage(code) }, breakable(code));
  return [
    remedy && make('p', {}, remedy),
    has(`fix_${who}`) && make('p', {}, say('whoFixes'), say(`fix_${who}`)),
    make('p', { class: 'hint' }, link, feishu !== undefined && ` · ${say('feishuCode', feishu)}`),
  ].filter(Boolean);
};

const showReceivers = (element) => {
  const { receivers } = element.group;
  write(one('summary', element), say('groupReceivers', number(receivers.length), receivers.length === 1));
  if (!one('details', element).open) return;
  const listed = receivers.slice(0, MOST_SHOWN).map(({ receive_id: id }) => make('li', {}, make('code', {}, id)));
  fill(one('ul', element), listed);
  const more = receivers.length - MOST_SHOWN;
  write(one('details > p', element), more > 0 ? say('moreReceivers', number(more)) : '');
};
