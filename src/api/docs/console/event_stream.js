// Reads server-sent events from the body of an answer. (`EventSource` cannot send a key.)

// The events of a stream of bytes: `{ name, data, id }`, as the HTML standard parses them. A comment is `{ name: '' }`: it
// says only that the connection lives.
export const eventsOf = async function* (stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let [rest, event] = ['', fresh()];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      // A carriage return at the end may be the first half of a line break.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      if (rest.length > MOST_OF_A_LINE) throw new Error('a line of the event stream is too long');
      for (const line of lines) {
        if (line !== '') {
          take(event, line);
          if (line.startsWith(':')) yield { name: '' };
          continue;
        }
        if (event.data.length > 0) yield { ...event, data: event.data.join('\n') };
        event = fresh(event.id);
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
};

const MOST_OF_A_LINE = 1_000_000;

const fresh = (id = '') => ({ name: 'message', data: [], id });

const take = (event, line) => {
  const [, field, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
  if (field === 'event') event.name = value;
  else if (field === 'data') event.data.push(value ?? '');
  else if (field === 'id') event.id = value ?? '';
};
