// The modules of the console that need no browser: how receivers, events and texts are read.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eventsOf } from './console/event_stream.js';
import { decode, detect, MOST_RECEIVERS, placeOf, read, withoutDuplicates } from './console/receivers.js';
import { TEXTS } from './console/texts.js';

// The receivers as `id`, or `id=type`, each with its line.
const names = (text) => read(text).receivers.map((it) => {
  const type = it.receive_id_type ? `=${it.receive_id_type}` : '';
  return `${it.line}:${it.receive_id}${type}`;
});
const mistakes = (text) => read(text).mistakes.map(({ line, kind }) => `${line}:${kind}`);

test('ids may be on lines of their own or separated by commas, semicolons and tabs, also Chinese ones', () => {
  assert.deepEqual(names('oc_1\noc_2\n'), ['1:oc_1', '2:oc_2']);
  assert.deepEqual(names(' oc_1 ,oc_2;\toc_3\r\n\r\noc_4，oc_5；oc_6、oc_7'), [
    '1:oc_1', '1:oc_2', '1:oc_3', '3:oc_4', '3:oc_5', '3:oc_6', '3:oc_7',
  ]);
  assert.deepEqual(names(''), []);
  assert.deepEqual(names('\n ,\n'), []);
});

test('a type belongs to the id before it', () => {
  assert.deepEqual(names('4d7a3c6g, user_id\noc_1\na@b.cn\temail'), ['1:4d7a3c6g=user_id', '2:oc_1', '3:a@b.cn=email']);
  assert.deepEqual(names('1, user_id, oc_2, 3; open_id'), ['1:1=user_id', '1:oc_2', '1:3=open_id']);
});

test('a type without an id, and what is nearly a type, are mistakes', () => {
  assert.deepEqual(mistakes('user_id\noc_1,chat_id,chat_id\noc_2,group_id\noc_3,E-Mail\noc_4,chatid'), [
    '1:noId', '2:noId', '3:type', '4:type', '5:type',
  ]);
});

test('a header names the columns, in any order and beside others', () => {
  const text = '\ufeffname;Receive ID;receive_id_type\r\n"Li; Wei";oc_1;\r\nWang, Fang;u1;user_id\r\n';
  assert.deepEqual(names(text), ['2:oc_1', '3:u1=user_id']);
  assert.deepEqual(mistakes(text), []);
  assert.deepEqual(names('\n\nreceive_id\noc_1'), ['4:oc_1']);
});

test('the CSV file that the gateway answers with can be given back to it', () => {
  const text = 'receive_id,receive_id_type,outcome,message_id\r\noc_1,chat_id,delivered,om_2\r\n';
  assert.deepEqual(names(text), ['2:oc_1=chat_id']);
});

test('under a header each row needs an id, and a type that is one', () => {
  assert.deepEqual(mistakes('receive_id,receive_id_type\noc_1,chat_id\n,chat_id\noc_2,chat'), ['3:noId', '4:type']);
});

test('quotes hold separators, line breaks and doubled quotes, and lines are counted through them', () => {
  const text = 'note,receive_id\n"a\nb, ""c""",oc_1\n,oc_2';
  assert.deepEqual(names(text), ['2:oc_1', '4:oc_2']);
  assert.deepEqual(names('"oc_1","oc_2"'), ['1:oc_1', '1:oc_2']);
});

test('a quote that is not closed is a mistake of its line alone', () => {
  assert.deepEqual(mistakes('oc_1\n"oc_2\noc_3'), ['2:quote']);
  assert.deepEqual(names('oc_1\n"oc_2\noc_3'), ['1:oc_1', '2:oc_2', '3:oc_3']);
  assert.deepEqual(mistakes('receive_id\n"oc_2\noc_3'), ['2:quote']);
});

test('ten thousand receivers are read, and one more is a mistake at its line', () => {
  const ids = Array.from({ length: MOST_RECEIVERS }, (_, place) => `oc_${place}`);
  assert.deepEqual(mistakes(ids.join('\n')), []);
  assert.deepEqual(mistakes([...ids, 'oc_more'].join('\n')), [`${MOST_RECEIVERS + 1}:tooMany`]);
});

test('a receiver is a duplicate where its id and its type are those of one before', () => {
  const lines = (text) => read(text).duplicates.map(({ line }) => line);
  assert.deepEqual(lines('oc_1\noc_2\noc_1\noc_1,chat_id\nu1\nu1,user_id'), [3, 4]);
  assert.deepEqual(lines('oc_1\noc_2'), []);
});

test('without its duplicates a text is as it was', () => {
  assert.equal(withoutDuplicates('oc_1\noc_2\n\noc_1\noc_3'), 'oc_1\noc_2\n\noc_3');
  assert.equal(withoutDuplicates('oc_1, oc_2\noc_2; oc_3, chat_id; oc_1\n'), 'oc_1, oc_2\noc_3, chat_id\n');
  const table = 'receive_id,name\noc_1,"a\nb"\noc_1,"c\nd"\noc_2,e\n';
  assert.equal(withoutDuplicates(table), 'receive_id,name\noc_1,"a\nb"\noc_2,e\n');
  for (const text of ['oc_1\noc_2\noc_1\noc_1,oc_2,x', 'oc_1,chat_id,oc_1\n"oc_1"', table]) {
    assert.deepEqual(read(withoutDuplicates(text)).duplicates, [], text);
  }
});

test('types are detected as the gateway does', () => {
  for (const [id, type] of [
    ['ou_1', 'open_id'], ['on_1', 'union_id'], ['oc_1', 'chat_id'], ['omt_1', 'thread_id'],
    ['a@b', 'email'], ['@b', 'chat_id'], ['a@', 'chat_id'], ['4d7a3c6g', 'chat_id'],
  ]) assert.equal(detect(id), type, id);
});

test('a line is found in its text', () => {
  const text = 'a\nbcd\n\ne';
  const lines = [1, 2, 3, 4].map((line) => text.slice(placeOf(text, line).start, placeOf(text, line).end));
  assert.deepEqual(lines, ['a', 'bcd', '', 'e']);
});

test('files of spreadsheets are decoded, whatever they are written in', () => {
  assert.equal(decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x6f)), 'o');
  assert.equal(decode(Uint8Array.of(0xff, 0xfe, 0x6f, 0, 0x63, 0)), 'oc');
  assert.equal(decode(Uint8Array.of(0xc8, 0xba, 0xc3, 0xfb, 0x2c, 0x6f)), '群名,o');
});

const streamOf = (...chunks) => new Blob(chunks).stream();
const split = (text) => new ReadableStream({
  start(controller) {
    for (const byte of new TextEncoder().encode(text)) controller.enqueue(Uint8Array.of(byte));
    controller.close();
  },
});
const collect = async (stream) => {
  const events = [];
  for await (const event of eventsOf(stream)) events.push(event);
  return events;
};

test('events are read whatever the pieces are in which they come', async () => {
  const text = ':\n\nevent: progress\r\nid: 7\r\ndata: {"a":"群"}\r\n\r\ndata: 1\rdata:2\r\revent: lost\ndata: cut off';
  const expected = [
    { name: '' },
    { name: 'progress', id: '7', data: '{"a":"群"}' },
    { name: 'message', id: '7', data: '1\n2' },
  ];
  assert.deepEqual(await collect(streamOf(text)), expected);
  assert.deepEqual(await collect(split(text)), expected);
});

test('a line of an event that does not end is not kept for ever', async () => {
  await assert.rejects(collect(streamOf('data: ', 'x'.repeat(1_000_001))), /too long/);
});

test('everything is said in English and in Chinese, of the same things', () => {
  assert.deepEqual(Object.keys(TEXTS.zh).sort(), Object.keys(TEXTS.en).sort());
  for (const [name, english] of Object.entries(TEXTS.en)) {
    const chinese = TEXTS.zh[name];
    assert.equal(typeof chinese, typeof english, name);
    const [one, other] = [english, chinese].map((it) => (typeof it === 'function' ? it('§1', '§2', '§3') : it));
    for (const value of ['§1', '§3']) {
      if (one.includes(value)) assert.ok(other.includes(value), name);
    }
    if (['otherLanguage', 'deliveredOf'].includes(name)) continue;
    assert.match(other, /\p{Script=Han}/u, name);
    assert.doesNotMatch(one, /\p{Script=Han}/u, name);
  }
});
