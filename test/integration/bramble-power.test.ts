/** Root's program that switches the master off, in mounts and processes of its own; systemd and k3s are stand-ins that write down. */
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type Finished, finish, startProgram } from '../support/program.ts';

const program = fileURLToPath(new URL('../../daemon/gateway/bramble-power', import.meta.url));

/** What the machine is before it is asked; PATH of the program begins with /usr/sbin. $PROGRAM is the program. */
const machine = `
for place in /var /run /usr/local/bin; do mount -t tmpfs -o mode=755 tmpfs $place; done
mkdir -p /var/upper /var/work && mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=/var/upper,workdir=/var/work /usr/sbin
mkdir -p /var/tmp /var/lib/rancher/k3s/server/db /var/lib/rancher/k3s/data/1/bin
stand_in() { printf '#!/bin/sh\\necho "%s $*" >> /var/calls\\n%s\\n' "$1" "$2" > "/usr/sbin/$1"; chmod 755 "/usr/sbin/$1"; }
stand_in systemctl ''
stand_in systemd-run ''
stand_in k3s 'mkdir -p /var/lib/rancher/k3s/server/db/snapshots'; mv /usr/sbin/k3s /usr/local/bin/k3s
cp /bin/sh /var/lib/rancher/k3s/data/1/bin/shim
container='trap "echo asked > /var/asked; exit" TERM; echo runs > /var/runs; while :; do sleep 0.1; done'
/var/lib/rancher/k3s/data/1/bin/shim -c 'sh -c "$0" & wait' "$container" &
shim=$!
while [ ! -e /var/runs ]; do sleep 0.05; done
ask() { code=0; printf "$1" | "$PROGRAM" - || code=$?; echo "code $code"; }
db=/var/lib/rancher/k3s/server/db
`;

async function onMachine(t: ExecutionContext, script: string): Promise<Finished | undefined> {
  if (process.getuid?.() !== 0) {
    t.log('not run: it needs root');
    t.pass();
    return undefined;
  }
  const alone = [
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child=SIGKILL',
    '--mount-proc',
    '--propagation',
    'private',
  ];
  const how = { env: { PROGRAM: program } };
  const end = await finish(startProgram([...alone, 'sh', '-euc', `${machine}${script}`], how), { deadlineMs: 120_000 });
  t.is(end.code, 0, end.stderr);
  return end;
}

test('k3s ends, its containers are asked to, its database is copied after that, and then the machine goes off', async (t) => {
  const end = await onMachine(
    t,
    `echo data > $db/state.db; echo wal > $db/state.db-wal; echo other > $db/other; echo secret > $db/../token
    mkdir -p /var/backups/bramble/k3s-20200101-000000 /var/backups/bramble/k3s-20200102-000000
    mkdir -p /var/backups/bramble/k3s-20200103-000000 /var/backups/bramble/mine
    ask 'off\\n'
    cat /var/asked /var/calls
    kill -0 $shim 2> /dev/null && echo 'the shim lives'
    cd /var/backups/bramble; ls; new=$(ls -d k3s-2* | tail -n 1)
    stat -c %a "$new"; cd "$new"; for file in *; do echo "$file: $(cat $file)"; done`,
  );
  if (end === undefined) return;
  const [answer, code, ...rest] = end.stdout.trim().split('\n');
  const [, place] = /^off, saved in (\/var\/backups\/bramble\/k3s-\d{8}-\d{6})$/.exec(answer ?? '') ?? [];
  t.truthy(place, end.stdout);
  t.is(code, 'code 0');
  t.deepEqual(rest, [
    'asked',
    'systemctl stop k3s.service',
    'systemd-run --quiet --on-active=2 --timer-property=AccuracySec=200ms systemctl poweroff',
    // Three of ours are kept, and what is not ours is not touched.
    ...['k3s-20200102-000000', 'k3s-20200103-000000', place?.split('/').at(-1) ?? '', 'mine'],
    ...['700', 'state.db: data', 'state.db-wal: wal', 'token: secret'],
  ]);
});

test('the first time there is nothing older to be taken away', async (t) => {
  const end = await onMachine(t, `echo data > $db/state.db; ask 'off\\n'; cat /var/backups/bramble/k3s-*/state.db`);
  if (end === undefined) return;
  t.regex(end.stdout, /^off, saved in \S+\ncode 0\ndata\n$/);
});

test('etcd is asked for a snapshot while it runs', async (t) => {
  const end = await onMachine(t, `mkdir $db/etcd; ask 'off\\n'; cat /var/calls; ls /var/backups 2> /dev/null || true`);
  if (end === undefined) return;
  t.deepEqual(end.stdout.trim().split('\n'), [
    'off, saved in /var/lib/rancher/k3s/server/db/snapshots',
    'code 0',
    'k3s etcd-snapshot save --name bramble-shutdown',
    'systemctl stop k3s.service',
    'systemd-run --quiet --on-active=2 --timer-property=AccuracySec=200ms systemctl poweroff',
  ]);
});

test('a machine without k3s is switched off, too; asked twice it does the same again', async (t) => {
  const end = await onMachine(t, `rm -r /var/lib/rancher/k3s/server; ask 'off\\n'; ask 'off'; cat /var/calls`);
  if (end === undefined) return;
  const off = 'systemd-run --quiet --on-active=2 --timer-property=AccuracySec=200ms systemctl poweroff';
  t.deepEqual(end.stdout.trim().split('\n'), ['off', 'code 0', 'off', 'code 0', off, off]);
});

test('where systemd sets no timer it goes at once; where it refuses, that is the answer', async (t) => {
  const end = await onMachine(
    t,
    `stand_in systemd-run 'exit 1'; ask 'off\\n'; tail -n 1 /var/calls
    stand_in systemctl 'case "$*" in *poweroff) exit 1 ;; esac'; ask 'off\\n'`,
  );
  if (end === undefined) return;
  t.deepEqual(end.stdout.trim().split('\n'), [
    ...['off', 'code 0', 'systemctl --no-block poweroff'],
    ...['failed: systemctl poweroff is refused', 'code 69'],
  ]);
});

test('it knows one word, and does nothing for any other', async (t) => {
  const end = await onMachine(
    t,
    `for word in '' 'on\\n' 'off now\\n' 'OFF\\n' 'off;id\\n' 'off\\0\\n' '../off\\n'; do ask "$word"; done
    head -c 100000 /dev/zero | tr '\\0' o | "$PROGRAM" - || echo "code $?"
    "$PROGRAM" || echo "code $?"
    cat /var/asked /var/calls 2> /dev/null || echo 'nothing was done'`,
  );
  if (end === undefined) return;
  const lines = end.stdout.trim().split('\n');
  t.is(lines.at(-1), 'nothing was done');
  const refusals = lines.filter((line) => line === 'failed: usage: bramble-power off | -').length;
  const codes = lines.filter((line) => line === 'code 64').length;

  t.deepEqual([refusals, codes], [8, 9], end.stdout);
});
