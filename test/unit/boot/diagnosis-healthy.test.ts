/** A board that gets on is told nothing of, at no moment of its boot. */
import { readdirSync, readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../../config/result.ts';
import { decodePacket, encodePacket } from '../../../daemon/dhcp/packet.ts';
import { boardModels } from '../../lab/board/models.ts';
import { states } from '../../support/boards.ts';
import { bootStage, type Stage } from '../../support/boot-stage.ts';
import { systemDiscover } from '../../support/boot-story.ts';
import { parametersFor, parseExchange } from '../../support/golden/text.ts';
import { dhcpVectors } from '../../vectors/dhcp.ts';

const silent = (t: ExecutionContext, stage: Stage, when: string): void => {
  t.is(stage.diagnosis()?.code, undefined, when);
};

for (const model of boardModels) {
  test(`a healthy boot of a ${model} gives no diagnosis at any moment`, async (t) => {
    const stage = await bootStage(t, { model });
    // The link was slow, and its first DISCOVERs repeat themselves.
    await stage.discover();
    await stage.pass(4);
    silent(t, stage, 'after its first DISCOVER');
    t.is(await stage.firmware(() => silent(t, stage, 'between two files')), undefined);
    for (let time = 0; time < 12; time += 1) {
      await stage.pass(5);
      silent(t, stage, 'its kernel starts');
    }
    await stage.dhcp(systemDiscover(stage, 'bramble-installer'));
    await stage.pass(5);
    stage.says('installer reports');
    for (const state of [states.booting, states.reported, states.accepted, states.installing] as const) {
      stage.become(state);
      await stage.pass(2);
      silent(t, stage, state.name);
    }
    for (let time = 0; time < 60; time += 1) {
      stage.says('writes its image');
      await stage.pass(10);
      silent(t, stage, 'writes its image');
    }
    stage.become(states.starting);
    for (let time = 0; time < 20; time += 1) {
      await stage.pass(8);
      silent(t, stage, 'its first start');
    }
    await stage.dhcp(systemDiscover(stage));
    await stage.pass(30);
    for (const state of [states.joining, states.ready] as const) {
      stage.become(state);
      await stage.pass(60);
      silent(t, stage, state.name);
    }
    t.is(stage.boots().length, 1, 'one journey, from power-on to Ready');
  });
}

test('an installed board that asks the network first, is sent to its disk and starts, gives none', async (t) => {
  const stage = await bootStage(t, { model: 'pi4' });
  stage.become(states.starting);
  await stage.lease();
  await stage.ask(`${stage.prefix}start4.elf`);
  await stage.ask(`${stage.prefix}start.elf`);
  for (let time = 0; time < 15; time += 1) {
    await stage.pass(10);
    silent(t, stage, 'it starts');
  }
  await stage.dhcp(systemDiscover(stage));
  silent(t, stage, 'its system is there');
});

for (const vector of dhcpVectors.filter(({ name }) => name.endsWith('DISCOVER') || name.includes('DISCOVER,'))) {
  test(`${vector.name}: a captured DISCOVER that is answered gives none`, async (t) => {
    const stage = await bootStage(t, { model: vector.device.includes('Pi 3') ? 'pi3' : 'pi4' });
    const packet = must(decodePacket(vector.datagram));
    const chaddr = Buffer.from(stage.identity.mac.replaceAll(':', ''), 'hex');
    t.is((await stage.dhcp(encodePacket({ ...packet, chaddr }))).length, 1);
    await stage.ask('start4.elf', 'probe');
    silent(t, stage, vector.name);
  });
}

const golden = new URL('../../vectors/golden/', import.meta.url);
for (const name of readdirSync(golden).filter((file) => file.startsWith('dhcp-'))) {
  test(`${name}: a recorded exchange of a foreign client gives none`, async (t) => {
    const stage = await bootStage(t, { model: 'pi4' });
    const exchange = parseExchange(readFileSync(new URL(name, golden), 'utf8'), parametersFor(1));
    for (const { by, payload } of exchange) {
      if (by === 'server') continue;
      const bytes = Uint8Array.from(payload);
      bytes.set(Buffer.from(stage.identity.mac.replaceAll(':', ''), 'hex'), 28);
      await stage.dhcp(bytes);
      silent(t, stage, name);
    }
    t.true((stage.boots().at(-1)?.length ?? 0) > 0, 'it was noted');
  });
}
