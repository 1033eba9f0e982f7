import test from 'ava';
import { accessProblems, type FileFact } from '../../../../cli/doctor/access.ts';

const fact = (is: FileFact['is'], mode: number, uid = 107, gid = 113): FileFact => ({
  path: `/x/${is}`,
  is,
  mode,
  uid,
  gid,
});
const data = fact('data', 0o700);

test('as the package leaves it, nothing is wrong', (t) => {
  t.deepEqual(accessProblems([data, fact('kept', 0o600), fact('secret', 0o640, 0), fact('config', 0o644, 0, 0)]), []);
  t.deepEqual(accessProblems([fact('data', 0o755, 0, 0), fact('kept', 0o644, 0), fact('config', 0o600, 0, 0)]), []);
});

test('what anybody may write or read, and what the daemon cannot, each with the command', (t) => {
  const wrong: readonly (readonly [FileFact, RegExp])[] = [
    [fact('data', 0o777), /sudo chmod o-w \/x\/data$/],
    [fact('config', 0o666, 0), /decide what boards run: sudo chmod o-w/],
    [fact('kept', 0o620), /sudo chmod go-w \/x\/kept$/],
    [fact('secret', 0o644), /may read \/x\/secret: sudo chmod o=/],
    [fact('kept', 0o600, 0), /sudo chown -R 107:113 \/x\/kept$/],
    [fact('secret', 0o600, 0, 0), /cannot read \/x\/secret: sudo chgrp 113 .* chmod g\+r/],
    [fact('config', 0o640, 0, 0), /cannot read \/x\/config/],
  ];
  for (const [file, pattern] of wrong) {
    const problems = accessProblems(file.is === 'data' ? [file] : [data, file]);
    t.is(problems.length, 1, JSON.stringify(file));
    t.regex(problems[0] ?? '', pattern);
  }
});
