import test from 'ava';
import { must } from '../../../../config/result.ts';
import { type Ipv4, type Model, parseIpv4 } from '../../../../config/values.ts';
import { bootFileDesk } from '../../../../daemon/app/network/boot-files.ts';
import { createTimelines } from '../../../../daemon/boot/timeline.ts';
import type { DeviceState } from '../../../../daemon/lifecycle/device.ts';
import type { LifecycleEvent } from '../../../../daemon/lifecycle/event.ts';
import { createFleet } from '../../../../daemon/lifecycle/fleet.ts';
import type { Runner } from '../../../../daemon/lifecycle/runner.ts';
import { transition } from '../../../../daemon/lifecycle/transition.ts';
import { aDevice, MAC, START, states } from '../../../support/boards.ts';
import { createClockDouble } from '../../../support/doubles.ts';

const OWN = must(parseIpv4('10.77.0.100'));
const FROM_THE_ROUTER = must(parseIpv4('10.77.0.23'));

function desk(state: DeviceState, model?: Model, kit: readonly string[] = []) {
  const device = aDevice(state);
  const fleet = createFleet([model === undefined ? device : { ...device, model: { model, final: true } }]);
  const runner: Pick<Runner, 'fleet' | 'dispatch'> = {
    fleet,
    dispatch: async (id, event) => {
      const device = fleet.byId(id);
      if (device === undefined) throw new Error('not its board');
      told.push(event);
      return { ok: true, value: transition(device, event, START) };
    },
  };
  const told: LifecycleEvent[] = [];
  const heard: string[] = [];
  const empty = { size: 0, read: async () => 0, close: async () => undefined };
  const timelines = createTimelines();
  const asked: string[] = [];
  const { open, onServed } = bootFileDesk({
    runner,
    timelines,
    clock: createClockDouble(START),
    hardwareAddressOf: async (address) => {
      asked.push(address);
      return address === FROM_THE_ROUTER ? MAC : undefined;
    },
    onHeard: (device, address) => void heard.push(`${device.name} ${address}`),
    bootKeyOf: () => '0'.repeat(64),
    server: { address: OWN, port: 8067 },
    openKitFile: async () => empty,
    kitFiles: async () => kit,
    openEeprom: async (model, file) => {
      asked.push(`${model} ${file}`);
      return file === 'pieeprom.sig' ? empty : undefined;
    },
    installerInitramfs: async () => new Uint8Array(),
  });
  const ask = async (file: string, address: Ipv4 = OWN) => (await open({ file, client: { address, port: 1 } })).ok;
  return Object.assign(ask, { heard, open, onServed, timelines, asked, told });
}

test('a board is known by the address that we gave it, and beside a router by who answers for its address', async (t) => {
  const ask = desk(states.booting);
  t.true(await ask('start4.elf'));
  t.true(await ask('start4.elf', FROM_THE_ROUTER));
  t.false(await ask('start4.elf', must(parseIpv4('10.77.0.24'))));
  t.deepEqual(ask.heard, [`worker-kube1 ${FROM_THE_ROUTER}`], 'by its hardware address only');
});

test('a serial that a forged packet brought first does not keep the real board from booting', async (t) => {
  t.true(await desk(states.seen)('deadbeef/start4.elf'));
  t.true(await desk(states.booting)('deadbeef/start4.elf'));
  t.false(await desk(states.installing)('deadbeef/start4.elf'), 'once it has reported, its own is known');
  t.true(await desk(states.installing)('abcdef01/start4.elf'));
});

test('a file that was fetched is noted for the board that it was opened for, without another question', async (t) => {
  const { open, onServed, timelines, asked } = desk(states.booting);
  const opened = [1, 2].map((port) => open({ file: 'start4.elf', client: { address: OWN, port } }));
  const [whole, broken] = (await Promise.all(opened)).map(must);
  if (whole === undefined || broken === undefined) return t.fail();
  onServed({ file: 'start4.elf', source: whole, ended: 'complete', bytes: 0 });
  onServed({ file: 'start4.elf', source: broken, ended: 'aborted', bytes: 0 });
  const notes = timelines.of(aDevice(states.booting).id).flatMap((boot) => boot.map(({ text }) => text));
  t.deepEqual(notes, ['asks for start4.elf', 'has fetched start4.elf']);
  t.is(asked.length, 2);
});

test('config.txt names a kernel that the kit has: an older one starts a Pi 5, too', async (t) => {
  const kernelFor = async (model: Model, kit: readonly string[]) => {
    const { open } = desk(states.booting, model, kit);
    const source = must(await open({ file: 'config.txt', client: { address: OWN, port: 1 } }));
    const bytes = Buffer.alloc(source.size);
    await source.read(bytes, 0);
    return /^kernel=(.*)$/m.exec(bytes.toString())?.[1];
  };
  t.is(await kernelFor('pi5', ['kernel8.img', 'kernel_2712.img']), 'kernel_2712.img');
  t.is(await kernelFor('pi5', ['kernel8.img']), 'kernel8.img');
  t.is(await kernelFor('pi4', ['kernel8.img', 'kernel_2712.img']), 'kernel8.img');
  t.is(await kernelFor('pi4', []), 'kernel8.img');
});

test('EEPROM files come from the owner’s images for this model, never from the kit', async (t) => {
  const ask = desk(states.installing);
  t.true(await ask('abcdef01/pieeprom.sig'));
  t.false(await ask('pieeprom.upd'));
  t.true(ask.asked.includes(`${aDevice(states.booting).model?.model} pieeprom.upd`), ask.asked.join());
  for (const name of ['vl805.sig', 'vl805.bin', 'VL805.BIN', 'recovery.bin', 'pieeprom.bin'])
    t.false(await ask(name), name);
});

test('no EEPROM is written in a board that nobody has accepted', async (t) => {
  for (const state of [states.seen, states.booting, states.pending]) {
    const ask = desk(state);
    t.false(await ask('abcdef01/pieeprom.sig'), state.name);
    t.false(await ask('pieeprom.sig'), state.name);
    t.true(await ask('start4.elf'), state.name);
  }
});

test('a round is one boot of its ROM, however many files it asks for: the third without its system is told', async (t) => {
  const ask = desk(states.unreachable);
  const { id } = aDevice();
  for (let round = 1; round <= 3; round++) {
    // It repeats its DISCOVER until there is an answer.
    for (let repeat = 0; repeat < 3; repeat++)
      ask.timelines.see(id, START, { sight: 'dhcp', by: 'boot ROM', kind: 'DISCOVER' });
    for (const file of ['abcdef01/start4.elf', 'abcdef01/start.elf', 'start4.elf', 'config.txt', 'start4.elf'])
      t.false(await ask(file));
    t.deepEqual(ask.told, round < 3 ? [] : [{ event: 'local-boot-failed', rounds: 3 }]);
  }
  t.true(ask.timelines.wasSentToDisk(id));
});

test('files that are asked for without a boot of the ROM are no rounds', async (t) => {
  const ask = desk(states.unreachable);
  for (let time = 0; time < 20; time++) t.false(await ask('start4.elf'));
  t.deepEqual(ask.told, []);
});
