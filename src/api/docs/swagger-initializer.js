// Starts Swagger UI. `swagger-corrections.js` corrects what it shows, and `swagger-zh.js` translates it.

// Where Swagger UI keeps keys, when it is told to.
const KEPT = 'authorized';
// The scheme of the OpenAPI document that the page sends keys by.
const SCHEME = 'api_key';
const GENERATED_KEY = /^ffg_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/;

// Where `dev` listens. Elsewhere a link could make somebody forward with the key of whoever sent the link.
const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost'];

// The key that a link carries behind `#key=`, as `dev` prints it. It leaves the address bar at once. (A browser sends
// nothing that is behind `#`.)
const takeLinkedKey = () => {
  if (!location.hash.startsWith('#key=')) return undefined;
  const key = location.hash.slice('#key='.length);
  history.replaceState(null, '', location.pathname + location.search);
  return LOOPBACK.includes(location.hostname) && GENERATED_KEY.test(key) ? key : undefined;
};

// The page does not keep such a key: one that the reader chose to keep stays.
const authorize = (key) => {
  if (key) ui.preauthorizeApiKey(SCHEME, key);
};

// The document with one scheme alone: a caller may send the same key by either of them, and the page would ask for it
// once for each.
const withOneScheme = (text) => {
  const document = JSON.parse(text);
  const schemes = document.components.securitySchemes;
  document.components.securitySchemes = { [SCHEME]: schemes[SCHEME] };
  for (const operation of Object.values(document.paths).flatMap(Object.values)) {
    operation.security = operation.security?.filter((scheme) => SCHEME in scheme);
  }
  return JSON.stringify(document);
};

// Scrolls to the answer once it is on the page.
const show = (path, method) =>
  requestAnimationFrame(() => {
    const operation = `.opblock-${method.toLowerCase()}:has([data-path="${path}"])`;
    const answer = document.querySelector(`${operation} .live-responses-table`);
    // The heading above it.
    answer?.previousElementSibling.scrollIntoView();
  });

const plugin = {
  statePlugins: {
    spec: {
      wrapActions: {
        updateSpec: (update) => (text) => update(text && withOneScheme(text)),
        setResponse: (set) => (path, method, response) => {
          const action = set(path, method, response);
          show(path, method);
          return action;
        },
      },
    },
  },
};

const isForward = (shown) => shown.getIn(['operation', 'operationId']) === 'forward_message';

// Before Swagger UI reads what is behind `#`, which may also name an operation.
const linkedKey = takeLinkedKey();
const openapi = new URL('../openapi.json', location.href);
openapi.searchParams.set('lang', document.documentElement.lang);

const ui = SwaggerUIBundle({
  url: openapi.href,
  dom_id: '#swagger-ui',
  plugins: [plugin],
  deepLinking: true,
  displayRequestDuration: true,
  // The document is in the order of paths; what people come for is first on the page.
  operationsSorter: (one, other) => isForward(other) - isForward(one),
  tryItOutEnabled: true,
  requestSnippetsEnabled: true,
  syntaxHighlight: { theme: 'tomorrow-night' },
  defaultModelsExpandDepth: 0,
  persistAuthorization: localStorage.getItem(KEPT) !== null,
  // Otherwise the page sends the document to a validator on the internet.
  validatorUrl: null,
  onComplete() {
    authorize(linkedKey);
    if (!location.hash) ui.layoutActions.show(['operations', 'messages', 'forward_message'], true);
  },
});

// The browser does not load the page again for such a link.
addEventListener('hashchange', () => authorize(takeLinkedKey()));

const remember = document.getElementById('remember-key');
remember.checked = ui.getConfigs().persistAuthorization;
remember.addEventListener('change', () => {
  ui.getConfigs().persistAuthorization = remember.checked;
  if (remember.checked) ui.authActions.persistAuthorizationIfNeeded();
  else localStorage.removeItem(KEPT);
});

// The page in the other language opens the same operation.
const otherLanguage = document.querySelector('nav a[hreflang]');
otherLanguage.addEventListener('click', () => {
  otherLanguage.hash = location.hash;
});

const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();
