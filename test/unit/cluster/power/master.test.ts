import test from 'ava';
import { parseMasterAnswer } from '../../../../daemon/cluster/power/master.ts';

test('what bramble-power says is told in words; nothing at all is a failure', (t) => {
  t.deepEqual(parseMasterAnswer('off, saved in /var/backups/bramble/k3s-20260101-000000\n'), {
    ok: true,
    value: 'this machine is switched off; what the cluster knows is saved in /var/backups/bramble/k3s-20260101-000000',
  });
  t.true(parseMasterAnswer('off\n').ok);
  t.like(parseMasterAnswer('failed: needs root\n'), { error: { code: 'MASTER_OFF_FAILED', detail: 'needs root' } });
  for (const text of ['', 'offf', 'off, saved in', '\u0000']) t.false(parseMasterAnswer(text).ok, text);
});
