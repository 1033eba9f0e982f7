import test from 'ava';
import { must, ok, type Problem, problem, type Result } from '../../../../config/result.ts';
import { parseIpv4 } from '../../../../config/values.ts';
import { bootOrderDesk } from '../../../../daemon/app/boards/boot-order.ts';
import type { JoinBoard, SshSession } from '../../../../daemon/join/index.ts';
import type { LifecycleEvent } from '../../../../daemon/lifecycle/event.ts';
import { aDevice, states } from '../../../support/boards.ts';
import { createLogDouble } from '../../../support/doubles.ts';

const device = aDevice({ ...states.ready, quarantined: false });
const board: JoinBoard = {
  ...{ id: device.id, name: device.name, address: must(parseIpv4('10.77.0.100')) },
  ...{ fixedAddress: true, hostKeys: [], nodePassword: 'ab'.repeat(16), serials: [], labels: {} },
};
const signal = new AbortController().signal;

type Setting = {
  readonly wanted?: 'keep' | 'disk-first';
  readonly asked?: boolean;
  readonly config?: string;
  readonly code?: number;
  readonly applied?: number;
};

/** A board (double) whose EEPROM says `config`, or which has no such program (127). */
function desk({ wanted = 'disk-first', asked = true, config = 'BOOT_ORDER=0xf12\n', code = 0, applied = 0 }: Setting) {
  const calls: string[] = [];
  const told: LifecycleEvent[] = [];
  const session: SshSession = {
    run: async (program, args) => {
      calls.push([program, ...args].join(' '));
      return ok({ code: args.length === 0 ? code : applied, stdout: config, stderr: 'no' });
    },
    putFile: async (path, content) => {
      calls.push(`put ${path} ${content}`);
      return ok(undefined);
    },
    putBytes: async () => problem('SSH_CLOSED', 'nothing of that size'),
  };
  const onBoard = async (_: JoinBoard, __: AbortSignal, work: (one: SshSession) => Promise<Result<void, Problem>>) =>
    work(session);
  const correct = bootOrderDesk({
    ...{ wanted, joiner: { onBoard }, askedNetworkFirst: () => asked, log: createLogDouble() },
    tell: async (_, event) => void told.push(event),
  });
  return { correct: () => correct(board, device, signal), calls, told };
}

test('a board that asked the network first is told once that its disk comes first, and an event says so', async (t) => {
  const { correct, calls, told } = desk({});
  await correct();
  await correct();
  t.deepEqual(calls, [
    'rpi-eeprom-config',
    'put /run/bramble/boot.conf BOOT_ORDER=0xf21\n',
    'rpi-eeprom-config --apply /run/bramble/boot.conf',
  ]);
  t.deepEqual(told, [{ event: 'boot-order-corrected', from: '0xf12', to: '0xf21' }]);
});

test('its EEPROM is its own affair: where the owner did not allow it, and where it asks its disk first', async (t) => {
  for (const setting of [{ wanted: 'keep' }, { asked: false }] as const) {
    const { correct, calls } = desk(setting);
    await correct();
    t.deepEqual(calls, []);
  }
});

test('nothing is written where there is nothing to correct, and nothing is told where it did not work', async (t) => {
  for (const setting of [{ code: 127 }, { config: 'BOOT_ORDER=0xf21\n' }, { applied: 1 }] as const) {
    const { correct, calls, told } = desk(setting);
    await correct();
    t.deepEqual(told, []);
    t.is(calls.length, 'applied' in setting ? 3 : 1);
  }
});
