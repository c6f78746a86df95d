// The field for receivers: a textarea with the numbers of its lines, those with mistakes marked.

import { make, one } from './dom.js';
import { placeOf } from './receivers.js';

const field = one('#receivers');
const gutter = one('#lines');

let marked = new Set();
let total = 1;

export const text = () => field.value;

export const write = (content) => {
  field.value = content;
  field.dispatchEvent(new Event('input'));
};

export const onEdit = (listener) => field.addEventListener('input', listener);

// Marks lines that hold mistakes.
export const mark = (lines) => {
  marked = new Set(lines);
  if (marked.size > 0) field.setAttribute('aria-invalid', 'true');
  else field.removeAttribute('aria-invalid');
  draw();
};

// Selects a line and shows it.
export const select = (line) => {
  const { start, end } = placeOf(field.value, line);
  field.focus();
  field.setSelectionRange(start, end);
  field.scrollTop = (line - 3) * lineHeight();
  field.scrollLeft = 0;
  draw();
};

const lineHeight = () => Number.parseFloat(getComputedStyle(field).lineHeight);

// Draws the numbers of the lines in sight only, as there can be thousands.
const draw = () => {
  const height = lineHeight();
  const first = Math.floor(field.scrollTop / height);
  const shown = Math.min(total - first, Math.ceil(field.clientHeight / height) + 1);
  const rows = Array.from({ length: Math.max(0, shown) }, (_, index) => {
    const line = first + index + 1;
    return make('span', { class: marked.has(line) && 'wrong' }, `${line}`);
  });
  gutter.replaceChildren(...rows);
  gutter.style.transform = `translateY(${first * height - field.scrollTop}px)`;
};

field.addEventListener('scroll', draw, { passive: true });
field.addEventListener('input', () => {
  total = field.value.split('\n').length;
  draw();
});
new ResizeObserver(draw).observe(field);
