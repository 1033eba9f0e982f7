import test from 'ava';
import { bodyOf, keeperWishIn, PAUSE_MAX, requesterIn } from '../../../daemon/http/body.ts';

const by = (body: string): string | undefined => requesterIn(bodyOf({ body }));

test('who asks: the owner, or whoever has a name; anything else is nobody', (t) => {
  t.deepEqual([by(''), by(' '), by('{}'), by('{"by":"anna"}')], ['owner', 'owner', 'owner', 'anna']);
  for (const body of ['null', '7', '"anna"', '{', '{"by":""}', '{"by":"system:masters"}', '{"by":7}'])
    t.is(by(body), undefined, body);
  t.is(by(JSON.stringify({ by: 'a'.repeat(65) })), undefined);
});

test('what a keeper is asked for: one of its deeds, and a time for a pause only', (t) => {
  const wish = (body: object | string) =>
    keeperWishIn({ body: typeof body === 'string' ? body : JSON.stringify(body) }, ['run', 'pause', 'resume']);
  t.deepEqual(wish({ action: 'run' }), { action: 'run', by: 'owner' });
  t.deepEqual(wish({ action: 'pause', by: 'anna', seconds: 60 }), { action: 'pause', by: 'anna', seconds: 60 });
  t.deepEqual(wish({ action: 'pause', by: 'anna' }), { action: 'pause', by: 'anna' });
  for (const seconds of [0, -1, 1.5, '60', null, PAUSE_MAX + 1]) t.is(wish({ action: 'pause', seconds }), undefined);
  for (const body of ['', '[]', { action: 'fly' }, { action: 'resume', seconds: 60 }, { action: 'run', by: 'a b' }])
    t.is(wish(body), undefined);
});
