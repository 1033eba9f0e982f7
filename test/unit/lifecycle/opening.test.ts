import test from 'ava';
import { after, instant, minutes } from '../../../config/values.ts';
import { type Opening, openingText, resumedOpening } from '../../../daemon/lifecycle/opening.ts';
import { START } from '../../support/boards.ts';

const opening: Opening = { by: 'anna', boards: 3, left: minutes(10) };
const kept = openingText(opening, START);

test('over a restart the wall clock goes on counting', (t) => {
  t.deepEqual(resumedOpening(kept, START), opening);
  t.deepEqual(resumedOpening(kept, after(START, minutes(4))), { ...opening, left: minutes(6) });
  t.is(resumedOpening(kept, after(START, minutes(10))), undefined);
});

test('a clock that went back cannot be relied on: closed', (t) => {
  t.is(resumedOpening(kept, instant(START - 1)), undefined);
});

test('nothing kept, no board left, or what cannot be read: closed', (t) => {
  const broken = [
    undefined,
    '',
    'null',
    '[]',
    '7',
    '{}',
    openingText({ ...opening, boards: 0 }, START),
    openingText({ ...opening, boards: -1 }, START),
    openingText({ ...opening, boards: 1e6 }, START),
    openingText({ ...opening, left: minutes(1e9) }, START),
    kept.replace('"anna"', '7'),
    kept.replace(/"at":\d+/, '"at":"soon"'),
  ];
  for (const text of broken) t.is(resumedOpening(text, START), undefined, text);
});
