// Corrects what Swagger UI leaves out for those who read with a screen reader, use the keyboard, or have a narrow screen.
// Each correction is made once to each element: React keeps what it does not set itself.

const page = document.getElementById('swagger-ui');

const name = (text) => (part) => part.setAttribute('aria-label', text);
// A level by which the headings follow the page's own without a gap.
const level = (number) => (heading) => heading.setAttribute('aria-level', number);

// Folds the example and the headers of an answer that is not a success: all of them together are longer than the rest of
// the page.
const fold = (row) => {
  const turn = (isFolded) => {
    row.dataset.folded = isFolded;
    button.setAttribute('aria-expanded', !isFolded);
  };
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'fold';
  button.textContent = 'Example and headers';
  button.addEventListener('click', () => turn(row.dataset.folded === 'false'));
  turn(!row.dataset.code.startsWith('2'));
  row.querySelector('.response-col_description__inner').append(button);
};

// The parts that a correction is for, until it is made.
const CORRECTIONS = {
  'h3:not([aria-level])': level(2),
  'h4:not([aria-level])': level(3),
  ':is(h5, h6):not([aria-level])': level(4),

  '#servers:not([aria-label])': name('Servers'),
  '.close-modal:not([aria-label])': name('Close'),
  '.copy-to-clipboard > button:not([aria-label])': name('Copy to clipboard'),
  '.body-param__text:not([aria-label])': name('Request body'),
  '.examples-select-element:not([aria-label])': name('Examples'),
  '.parameters-col_description :is(input, select):not([aria-label])': (field) =>
    field.setAttribute('aria-label', field.closest('tr').dataset.paramName),
  // Each says something else than the button shows.
  '.auth-btn-wrapper [aria-label]': (button) => button.removeAttribute('aria-label'),

  // A schema without a title. The arrow is the whole button.
  '.json-schema-2020-12-accordion:not([aria-label]):has(.json-schema-2020-12-accordion__children:empty)': name('Schema'),
  // A table, not a part of the page with a name.
  'table[role="region"]': (table) => table.removeAttribute('role'),

  // What is typed there is a secret.
  '#api_key_value:not([type="password"])': (field) => {
    field.type = 'password';
    field.autocomplete = 'off';
    field.spellcheck = false;
  },

  // A link within a button. The button puts the link into the address bar.
  '.opblock-summary-control a[href]': (link) => link.removeAttribute('href'),

  '.curl-command .btn:not([role])': (tab) => {
    tab.setAttribute('role', 'button');
    tab.tabIndex = 0;
    tab.addEventListener('keydown', ({ key }) => key === 'Enter' && tab.click());
  },

  // An answer may be long, and scrolls within its box.
  '.live-responses-table .highlight-code > pre:not([tabindex])': (body) => {
    body.tabIndex = 0;
  },

  '.response:has(.response-controls, .headers-wrapper):not([data-folded])': fold,

  // A narrow line breaks codes after an underscore.
  '.renderedMarkdown code:not([data-breaks])': (code) => {
    const parts = code.textContent.split(/(?<=_)/);
    code.dataset.breaks = parts.length - 1;
    code.replaceChildren(...parts.flatMap((part, at) => (at ? [document.createElement('wbr'), part] : [part])));
  },
};

const correct = () => {
  for (const [parts, correction] of Object.entries(CORRECTIONS)) page.querySelectorAll(parts).forEach(correction);
};

new MutationObserver(correct).observe(page, { childList: true, subtree: true });
correct();
