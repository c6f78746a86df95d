// What axe finds on a page, and the ways to look at one.

import assert from 'node:assert/strict';

import axe from 'axe-core';

const DESK = { width: 1280 };
const PHONE = { width: 390, height: 844, hasTouch: true, isMobile: true };

// Each language in each colour scheme, and both in each width: four of the eight ways have all the pairs.
export const LOOKS = [
  ['en-light-desk', { locale: 'en-US', colorScheme: 'light', ...DESK }],
  ['en-dark-phone', { locale: 'en-US', colorScheme: 'dark', ...PHONE }],
  ['zh-light-phone', { locale: 'zh-CN', colorScheme: 'light', ...PHONE }],
  ['zh-dark-desk', { locale: 'zh-CN', colorScheme: 'dark', ...DESK }],
];

// Nothing is found, without an exception.
export const faultless = async (page, part) => {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  assert.deepEqual(found, [], part);
  // It has looked, also at colours.
  assert.ok(passes.some(({ id }) => id === 'color-contrast'), part);
};
