// Reads receivers from a text: pasted ids, or the content of a CSV file.

export const TYPES = ['open_id', 'user_id', 'union_id', 'email', 'chat_id', 'thread_id'];
export const MOST_RECEIVERS = 10_000;
export const MOST_BYTES = 5_000_000;

// What separates ids in a list. The last three are those of Chinese keyboards.
const SEPARATORS = ',;\t，；、';
const CSV_SEPARATORS = ',;\t';
const LINE_BREAKS = '\n\r';
// What people write for a type, and the server does not take.
const NEARLY_A_TYPE = /^[a-z]+[ _-]ids?$|^(open|user|union|chat|thread)id$|^e-?mail$/i;

// The receivers of a text, each with its line (from 1), and what is wrong with the text. Duplicates are the later ones of
// receivers that are named more than once.
export const read = (text) => {
  const { header, records } = recordsOf(text);
  const found = records.map((record) => ({ record, ...(header ? byColumn(record, header) : asList(record)) }));
  const mistakes = found.flatMap((it) => it.mistakes);
  const receivers = found.flatMap(({ record, receivers: own }) => own.map((it) => ({ ...it, line: record.line })));
  if (receivers.length > MOST_RECEIVERS) {
    mistakes.push({ line: receivers[MOST_RECEIVERS].line, kind: 'tooMany', value: MOST_RECEIVERS });
  }
  return { receivers, mistakes, duplicates: duplicatesOf(receivers) };
};

// The text without the receivers that are named a second time. Everything else stays as it was written.
export const withoutDuplicates = (text) => {
  const { header, records } = recordsOf(text);
  const seen = new Set();
  const isNew = (receiver) => {
    const name = nameOf(receiver);
    return !seen.has(name) && seen.add(name);
  };
  let kept = '';
  let copied = 0;
  for (const record of records) {
    const { receivers } = header ? byColumn(record, header) : asList(record);
    const others = receivers.filter(isNew);
    if (others.length === receivers.length) continue;
    kept += text.slice(copied, record.start);
    if (others.length > 0) kept += `${others.map(written).join(', ')}\n`;
    copied = record.end;
  }
  return kept + text.slice(copied);
};

// Where a line of a text begins and ends.
export const placeOf = (text, line) => {
  let start = 0;
  for (let before = 1; before < line; before += 1) {
    const end = text.indexOf('\n', start);
    if (end < 0) break;
    start = end + 1;
  }
  const end = text.indexOf('\n', start);
  return { start, end: end < 0 ? text.length : end };
};

// The text of a file. Spreadsheets write UTF-8, UTF-16 or, in Chinese, GB 18030.
export const decode = (bytes) => {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('gb18030').decode(bytes);
  }
};

// The type that the gateway detects.
export const detect = (id) => {
  if (id.startsWith('ou_')) return 'open_id';
  if (id.startsWith('on_')) return 'union_id';
  if (id.startsWith('oc_')) return 'chat_id';
  if (id.startsWith('omt_')) return 'thread_id';
  return /.@./s.test(id) ? 'email' : 'chat_id';
};

const nameOf = ({ receive_id: id, receive_id_type: type = detect(id) }) => `${type} ${id}`;

const written = ({ receive_id: id, receive_id_type: type }) => (type ? `${id}, ${type}` : id);

const duplicatesOf = (receivers) => {
  const seen = new Set();
  return receivers.filter((receiver) => {
    const name = nameOf(receiver);
    return seen.has(name) || !seen.add(name);
  });
};

// The records of a text that are not empty, and where the columns are if the first one names them.
const recordsOf = (text) => {
  const isFilled = ({ fields }) => fields.some((field) => field !== '');
  const [first] = split(text, SEPARATORS, 1).filter(isFilled);
  const header = first && headerOf(first.fields);
  if (!header) return { records: split(text, SEPARATORS).filter(isFilled) };
  // In a table with free text, only that separates columns which separates those of the header.
  const used = [...CSV_SEPARATORS].find((it) => text.slice(first.start, first.end).includes(it));
  return { header, records: split(text, used ?? CSV_SEPARATORS).filter(isFilled).slice(1) };
};

const headerOf = (fields) => {
  const names = fields.map((field) => field.toLowerCase().replace(/[ -]/g, '_'));
  const id = names.indexOf('receive_id');
  return id < 0 ? undefined : { id, type: names.indexOf('receive_id_type') };
};

const byColumn = ({ line, fields, isOpen }, header) => {
  const [id = '', type = ''] = [fields[header.id], fields[header.type]];
  if (isOpen) return { receivers: [], mistakes: [{ line, kind: 'quote' }] };
  if (id === '') return { receivers: [], mistakes: [{ line, kind: 'noId' }] };
  if (type === '') return { receivers: [{ receive_id: id }], mistakes: [] };
  const mistakes = TYPES.includes(type) ? [] : [{ line, kind: 'type', value: type }];
  return { receivers: [{ receive_id: id, receive_id_type: type }], mistakes };
};

// A record of a list: ids, each of which may be followed by its type.
const asList = ({ line, fields, isOpen }) => {
  const [receivers, mistakes] = [[], isOpen ? [{ line, kind: 'quote' }] : []];
  for (const field of fields.filter((it) => it !== '')) {
    const last = receivers.at(-1);
    if (TYPES.includes(field) && last && !last.receive_id_type) last.receive_id_type = field;
    else if (TYPES.includes(field)) mistakes.push({ line, kind: 'noId' });
    else if (NEARLY_A_TYPE.test(field)) mistakes.push({ line, kind: 'type', value: field });
    else receivers.push({ receive_id: field });
  }
  return { receivers, mistakes };
};

// Splits a text into records. A field in quotes may hold separators, line breaks, and quotes that are written twice
// (RFC 4180). A quote that is never closed ends with its line, so that the lines after it are read.
const split = (text, separators, most = Infinity) => {
  const ends = new Set(separators + LINE_BREAKS);
  const records = [];
  let [at, line] = [text.startsWith('\ufeff') ? 1 : 0, 1];
  while (at < text.length && records.length < most) {
    const record = { line, start: at, end: at, fields: [], isOpen: false };
    for (;;) {
      while (text[at] === ' ') at += 1;
      let field = '';
      if (text[at] === '"') {
        const quoted = readQuoted(text, at);
        record.isOpen ||= quoted.isOpen;
        line += quoted.breaks;
        [field, at] = [quoted.value, quoted.end];
      }
      const start = at;
      while (at < text.length && !ends.has(text[at])) at += 1;
      record.fields.push((field + text.slice(start, at)).trim());
      if (at >= text.length || LINE_BREAKS.includes(text[at])) break;
      at += 1;
    }
    at += text.startsWith('\r\n', at) ? 2 : 1;
    line += 1;
    record.end = Math.min(at, text.length);
    records.push(record);
    // Blank records before the first one do not count.
    if (most < Infinity && record.fields.every((field) => field === '')) most += 1;
  }
  return records;
};

// The field in quotes that begins at a place.
const readQuoted = (text, start) => {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
  if (end < 0) return { value: '', end: start + 1, breaks: 0, isOpen: true };
  const value = text.slice(start + 1, end).replaceAll('""', '"');
  return { value, end: end + 1, breaks: value.split(/\r\n|\n|\r/).length - 1, isOpen: false };
};
