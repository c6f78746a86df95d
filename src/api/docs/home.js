// Writes the address at which the reader reached the gateway. A proxy may serve the gateway under a path, which only the
// browser knows.
const address = new URL('.', location.href).href.replace(/\/$/, '');
for (const part of document.querySelectorAll('.address')) part.textContent = address;
