/** Whoever answers in a board's place has another host key: it hears nothing from us. */
import assert from 'node:assert/strict';
import { generateSshKeyPair } from '../../../daemon/join/keys.ts';
import { until } from '../../support/until.ts';
import type { Check } from '../scenario.ts';
import type { Site } from './site.ts';

const accepted = /Accepted publickey|Starting session/;

export async function foreignHostKeys(check: Check, site: Site): Promise<void> {
  const [late, swapped] = await site.expect(2);
  assert.ok(late !== undefined && swapped !== undefined);
  const [stranger, other] = [generateSshKeyPair('stranger'), generateSshKeyPair('other')];

  const first = await late.switchOn(stranger.privateOpenssh);
  await check('a foreign host key from the start: the board waits, and nothing is sent there', async () => {
    const tries = (): number => first.log().match(/Connection from /g)?.length ?? 0;
    await until('several tries', 60, () => tries() >= 4);
    assert.doesNotMatch(first.log(), accepted);
    assert.deepEqual(await first.commands(), []);
    const { state } = await site.client().describe(late.name);
    assert.equal(state, 'starting');
    assert.ok(!site.api.tokens().some(({ device }) => device === late.id), 'no token was made for it');
  });
  await check('its own key after all: it joins', async () => {
    await first.powerOff();
    await first.powerOn(late.hostKey);
    await site.ready([late], 120);
  });

  await check(
    'another host key where the right one was seen: the join is over, loudly, and nothing is sent',
    async () => {
      await swapped.prepare({ command: 2, how: 'hold' });
      const board = await swapped.switchOn();
      await board.wasCut();
      await board.powerOff();
      const before = await board.commands();
      await board.powerOn(other.privateOpenssh);
      const failed = async (): Promise<boolean> => (await site.client().describe(swapped.name)).state === 'failed';
      await until(`${swapped.name} has failed`, 120, failed);
      const { why, deed, events } = await site.client().describe(swapped.name);
      assert.match(why, /host key/i);
      assert.ok(deed !== null, 'its owner is told what to do');
      assert.ok(events.some(({ event }) => event === 'host-key-changed'));
      assert.match(
        site.log(),
        /"level":"error"[^\n]*host key that is not its own[^\n]*|host key that is not its own[^\n]*"level":"error"/,
      );
      assert.deepEqual(await board.commands(), before);
      assert.doesNotMatch(board.log(), accepted);
      assert.deepEqual(await site.api.tokensNow(), []);
      assert.ok(!(await site.api.nodes()).some(({ metadata }) => metadata.name === swapped.name));
      await board.powerOff();
    },
  );
}
