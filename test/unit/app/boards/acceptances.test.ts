import test from 'ava';
import { must } from '../../../../config/result.ts';
import { after, instant, type Millis, minutes, parseDeviceId } from '../../../../config/values.ts';
import { createAcceptances, recentlyAccepted } from '../../../../daemon/app/boards/acceptances.ts';
import type { EventRow } from '../../../../daemon/store/store.ts';
import { START } from '../../../support/boards.ts';

const id = (number: number) => must(parseDeviceId(`d-${String(number).padStart(12, '0')}`));

test('each board counts once and for an hour of rests, those of an earlier process for a whole one', (t) => {
  let elapsed: Millis = minutes(0);
  const { besides, note } = createAcceptances([id(1)], { elapsed: () => elapsed });
  note(id(2));
  note(id(2));
  t.is(besides(id(9)), 2);
  t.is(besides(id(2)), 1);
  elapsed = minutes(30);
  note(id(3));
  elapsed = minutes(60);
  t.is(besides(id(9)), 1);
  elapsed = minutes(90);
  t.is(besides(id(9)), 0);
});

test('over a restart: accepted by itself, within the hour, or in the future of a clock that was set back', (t) => {
  const row = (number: number, name: string, to: string, at: number): EventRow => ({
    ...{ id: number, device: id(number), at: instant(at), name, event: undefined },
    ...{ from: 'reported', to, reason: '' },
  });
  const rows = [
    row(1, 'admission-decided', 'accepted', START),
    row(2, 'admission-decided', 'pending', START),
    row(3, 'accept-requested', 'accepted', START),
    row(4, 'admission-decided', 'accepted', START - minutes(60)),
    row(5, 'admission-decided', 'accepted', START + minutes(600)),
  ];
  t.deepEqual(recentlyAccepted({ events: () => rows }, after(START, minutes(1))), [id(1), id(5)]);
});
