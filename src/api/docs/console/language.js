// The language of the page: the browser's, until the reader chooses another one for this tab.

import { TEXTS } from './texts.js';

const KEPT = 'console.language';

const known = (tag) => Object.keys(TEXTS).find((it) => tag?.toLowerCase().split('-')[0] === it);

const preferred = () => navigator.languages.map(known).find(Boolean) ?? 'en';

const asked = known(new URLSearchParams(location.search).get('lang'));

export const language = () => known(sessionStorage.getItem(KEPT)) ?? asked ?? preferred();

export const choose = (tag) => sessionStorage.setItem(KEPT, tag);

// A text in the language of the page.
export const say = (name, ...values) => {
  const text = TEXTS[language()][name];
  return typeof text === 'function' ? text(...values) : text;
};

// Whether there is a text of this name.
export const has = (name) => name in TEXTS.en;

// The language with the region that the reader's browser names, which numbers and times depend on.
const locale = () => navigator.languages.find((tag) => known(tag) === language()) ?? language();

export const number = (value) => new Intl.NumberFormat(locale()).format(value);

// A time of today by the clock, any other one with its date.
export const time = (iso) => {
  const at = new Date(iso);
  const isToday = at.toDateString() === new Date().toDateString();
  const shown = isToday ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' };
  return new Intl.DateTimeFormat(locale(), shown).format(at);
};

// How long it is until a time: "in 12 minutes".
export const until = (iso) => {
  const seconds = Math.max(0, (new Date(iso) - Date.now()) / 1000);
  const words = new Intl.RelativeTimeFormat(locale());
  if (seconds < 90) return words.format(Math.round(seconds), 'second');
  if (seconds < 90 * 60) return words.format(Math.round(seconds / 60), 'minute');
  return words.format(Math.round(seconds / 3600), 'hour');
};
