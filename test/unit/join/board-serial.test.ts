import test from 'ava';
import { must, ok, problem } from '../../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4, parseSerial } from '../../../config/values.ts';
import { checkSerial } from '../../../daemon/join/board-serial.ts';
import type { SshSession } from '../../../daemon/join/driver.ts';

const board = {
  ...{ id: must(parseDeviceId('d-0123456789ab')), name: must(parseHostname('worker-kube1')) },
  ...{ address: must(parseIpv4('10.77.0.100')), fixedAddress: true, hostKeys: [], nodePassword: '', labels: {} },
};

async function codeFor(told: string, ...known: string[]): Promise<string> {
  const put = async () => problem('SSH_CLOSED', 'nothing is put anywhere');
  const run: SshSession['run'] = async () => ok({ code: 0, stdout: told, stderr: '' });
  const serials = known.map((serial) => must(parseSerial(serial)));
  const end = await checkSerial({ run, putFile: put, putBytes: put }, { ...board, serials });
  return end.ok ? 'ok' : end.error.code;
}

test('a board is the one that was decided about if its serial is, whole or by its low half', async (t) => {
  t.is(await codeFor('10000000abcdef01', '10000000abcdef01'), 'ok');
  t.is(await codeFor('10000000abcdef01\n', 'abcdef01'), 'ok');
  t.is(await codeFor('10000000ABCDEF01', '11111111', 'abcdef01'), 'ok');
});

test('another serial is another Pi', async (t) => {
  t.is(await codeFor('10000000abcdef02', '10000000abcdef01'), 'SERIAL_DIFFERS');
  t.is(await codeFor('00000000abcdef02', 'abcdef01'), 'SERIAL_DIFFERS');
});

test('who has no serial, or whose serial was never known, claims nothing', async (t) => {
  for (const told of ['', '\n', '0000000000000000', 'VMware-42'])
    t.is(await codeFor(told, '10000000abcdef01'), 'ok', told);
  t.is(await codeFor('10000000abcdef02'), 'ok');
});

test('a connection that was cut is no word about the serial', async (t) => {
  const cut = async () => problem('SSH_CLOSED', 'gone');
  const serials = [must(parseSerial('abcdef01'))];
  const end = await checkSerial({ run: cut, putFile: cut, putBytes: cut }, { ...board, serials });
  t.deepEqual(end, problem('SSH_CLOSED', 'gone'));
});
