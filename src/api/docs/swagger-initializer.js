'use strict';

// Where Swagger UI keeps keys, when it is told to.
const KEPT = 'authorized';

const isForward = (shown) => shown.getIn(['operation', 'operationId']) === 'forward_message';

const ui = SwaggerUIBundle({
  url: new URL('../openapi.json', location.href).href,
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  // The document is in the order of paths; what people come for is first on the page.
  operationsSorter: (one, other) => isForward(other) - isForward(one),
  tryItOutEnabled: true,
  requestSnippetsEnabled: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: localStorage.getItem(KEPT) !== null,
  // Otherwise the page sends the document to a validator on the internet.
  validatorUrl: null,
  onComplete() {
    if (!location.hash) ui.layoutActions.show(['operations', 'messages', 'forward_message'], true);
  },
});

const remember = document.getElementById('remember-key');
remember.checked = ui.getConfigs().persistAuthorization;
remember.addEventListener('change', () => {
  ui.getConfigs().persistAuthorization = remember.checked;
  if (remember.checked) ui.authActions.persistAuthorizationIfNeeded();
  else localStorage.removeItem(KEPT);
});

const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();
