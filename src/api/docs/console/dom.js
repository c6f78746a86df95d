// Elements, made without HTML as text: whatever comes from outside is text and nothing else.

import { say } from './language.js';

export const one = (selector, within = document) => within.querySelector(selector);

// An element with attributes (`class`, `aria-label`, …), listeners (`onclick`, …) and children, which are elements or
// texts. False and undefined leave an attribute or a child out.
export const make = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== false));
  return made;
};

// A code such as `bot_not_in_chat`, which a narrow page breaks after an underscore.
export const breakable = (code) => code.split('_').flatMap((part, at) => (at > 0 ? ['_', make('wbr'), part] : [part]));

export const fill = (element, ...children) =>
  element.replaceChildren(...children.flat().filter((child) => child !== undefined && child !== false));

// Sets a text, if it is another one: an element that stays the same keeps the reader's selection.
export const write = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

// Writes the texts that the page's HTML names, in the language of the page.
export const translate = () => {
  for (const element of document.querySelectorAll('[data-text]')) write(element, say(element.dataset.text));
};

const HEARD_EVERY = 5_000;
let [heardAt, waiting] = [-Infinity, undefined];

// Lets a screen reader say a text. Of those that come within five seconds only the last one is said.
export const announce = (text, { atOnce = false } = {}) => {
  clearTimeout(waiting);
  const speak = () => {
    heardAt = performance.now();
    one('#heard').textContent = text;
  };
  if (atOnce) speak();
  else waiting = setTimeout(speak, Math.max(0, heardAt + HEARD_EVERY - performance.now()));
};

// Lets the reader confirm something. Resolves to whether they did.
export const confirm = ({ title, text, yes, no }) =>
  new Promise((resolve) => {
    const dialog = one('#confirm');
    write(one('h2', dialog), title);
    write(one('p', dialog), text);
    const [stay, go] = dialog.querySelectorAll('button');
    write(stay, no);
    write(go, yes);
    stay.onclick = () => dialog.close('');
    go.onclick = () => dialog.close('yes');
    dialog.returnValue = '';
    dialog.onclose = () => resolve(dialog.returnValue === 'yes');
    dialog.showModal();
  });
