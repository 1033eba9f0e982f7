import test from 'ava';
import { isHeardLately, type LinkRound, ownLink } from '../../../../daemon/cluster/failover/probe-link.ts';
import { unseen } from '../../../../daemon/cluster/failover/probe-path.ts';

const calm: LinkRound = { carrier: true, hosts: 3, answered: 3, unasked: 0, lately: 3, missed: 0 };
const silence: LinkRound = { ...calm, answered: 0, missed: 3 };

const rows: readonly (readonly [string, 'up' | 'down', LinkRound, 'up' | 'down'])[] = [
  ['all answer', 'up', calm, 'up'],
  ['one of three answers', 'up', { ...silence, answered: 1, missed: 2 }, 'up'],
  ['none of three does', 'up', silence, 'down'],
  ['none of two does', 'up', { ...silence, hosts: 2, lately: 2, missed: 2 }, 'down'],
  ['the only one does not: it may be the board', 'up', { ...silence, hosts: 1, lately: 1, missed: 1 }, 'up'],
  ['the only one that was heard lately does not', 'up', { ...silence, lately: 1, missed: 1 }, 'up'],
  ['not all of them were asked in this round', 'up', { ...silence, missed: 1 }, 'up'],
  ['no carrier, whatever is heard', 'up', { ...calm, carrier: false }, 'down'],
  ['nobody can tell the carrier', 'up', { ...calm, carrier: undefined }, 'up'],
  ['nothing left this machine', 'up', { ...silence, unasked: 3, missed: 0 }, 'down'],
  ['one question did not leave it', 'up', { ...silence, unasked: 1, missed: 2 }, 'up'],
  ['it was down, and all have been silent for long', 'down', { ...silence, lately: 0, missed: 0 }, 'down'],
  ['it was down, and one answers', 'down', { ...silence, answered: 1 }, 'up'],
  ['it was down, and there are no boards any more', 'down', { ...silence, hosts: 0, lately: 0, missed: 0 }, 'up'],
];
for (const [title, before, round, expected] of rows) {
  test(`own link: ${title}`, (t) => t.is(ownLink(before, round), expected));
}

test('lately: those who are there, and who are silent for less than about 15 s', (t) => {
  const silent = (rounds: number) => ({ ...unseen, evidence: { path: 'silent', rounds } as const });
  t.deepEqual(
    [1, 15, 16].map((rounds) => isHeardLately(silent(rounds))),
    [true, true, false],
  );
  t.false(isHeardLately(unseen));
  t.true(isHeardLately({ ...unseen, evidence: { path: 'alive', rounds: 1 } }));
});
