/** Boards whose installer or own system is at fault, and what holds in any state. */
import test from 'ava';
import { KEY_UNKNOWN } from '../../../daemon/boot/sight.ts';
import { aDisk, aReport, states } from '../../support/boards.ts';
import { bootStage } from '../../support/boot-stage.ts';
import { dhcpPacket, systemDiscover, testStories } from '../../support/boot-story.ts';

testStories({
  'an installer that does not reach us over HTTP': {
    code: 'INSTALLER_MUTE',
    model: 'pi4',
    play: async (stage) => {
      await stage.firmware();
      await stage.pass(15);
      await stage.dhcp(systemDiscover(stage, 'bramble-installer'));
      await stage.pass(50);
    },
    says: /has an address and never reports.*HTTP/,
    deed: /firewall of the master/,
  },
  'an installer of another master': {
    code: 'KEY_UNKNOWN',
    model: 'pi4',
    play: async (stage) => {
      await stage.firmware();
      stage.says('installer reports');
      stage.says(KEY_UNKNOWN);
      await stage.pass(2);
    },
    says: /does not know the key of this master/,
    deed: /join-card/,
  },
  'an installer that finds no disk': {
    code: 'NO_DISK',
    model: 'pi4',
    play: async (stage) => {
      await stage.firmware();
      stage.says('installer reports');
      const report = aReport({ disk: aDisk({ content: 'none' }) });
      stage.become({ ...states.pending, report });
      await stage.pass(2);
    },
    says: /reports no disk that may be written/,
    deed: /put a card or a disk into worker-kube1/,
  },
  'it declines its address': {
    code: 'ADDRESS_IN_USE',
    model: 'pi4',
    play: async (stage) => {
      const mac = Uint8Array.from(Buffer.from(stage.identity.mac.replaceAll(':', ''), 'hex'));
      const options = new Map([
        [53, Uint8Array.of(4)],
        [50, Uint8Array.of(10, 77, 0, 100)],
        [54, Uint8Array.of(10, 77, 0, 1)],
      ]);
      await stage.dhcp(dhcpPacket(mac, options));
      await stage.pass(1);
    },
    says: /another machine uses its address, and gave it back/,
    deed: /find the machine that has the address/,
  },
  'another machine answers for its address': {
    code: 'ADDRESS_IN_USE',
    model: 'pi4',
    play: async (stage) => {
      await stage.lease();
      return { hasRival: true };
    },
    says: /another machine answers for its address/,
    deed: /find the machine that has the address/,
  },
  'a late first DISCOVER': {
    code: 'LATE_DISCOVER',
    model: 'pi4',
    play: async (stage) => {
      stage.become(states.starting);
      await stage.dhcp(systemDiscover(stage));
      return { isLate: true };
    },
    says: /spanning tree/,
    deed: /portfast/,
  },
  'its system has an address, and sshd does not answer': {
    code: 'SSH_SILENT',
    model: 'pi4',
    play: async (stage) => {
      stage.become(states.starting);
      await stage.pass(40);
      await stage.dhcp(systemDiscover(stage));
      await stage.pass(245);
    },
    says: /does not answer over SSH since 245 s/,
    deed: /bramble reinstall worker-kube1/,
  },
  'it is sent to its disk, and nothing starts there': {
    code: 'DISK_SILENT',
    model: 'pi4',
    play: async (stage) => {
      stage.become(states.starting);
      await stage.lease();
      await stage.ask(`${stage.prefix}start4.elf`);
      await stage.pass(190);
    },
    says: /was sent to its disk, and no system was heard from there/,
    deed: /bramble reinstall worker-kube1/,
  },
});

const failures = [
  ['SSH_HOST_KEY_CHANGED', 'HOST_KEY_CHANGED', /another SSH host key/, /bramble reinstall/],
  ['HOST_KEY_CHANGED', 'HOST_KEY_CHANGED', /another SSH host key/, /bramble reinstall/],
  ['CLOCK_WRONG', 'CLOCK_WRONG', /clock is wrong.*says 1970/, /timedatectl/],
  ['CGROUP_MEMORY_OFF', 'CGROUP_MEMORY_OFF', /memory cgroup off/, /cgroup_enable=memory/],
  ['SERIAL_DIFFERS', 'DISK_MOVED', /in another Pi/, /put it back/],
] as const;

for (const [failed, code, says, deed] of failures) {
  test(`${code}: a join that ended with ${failed}, also when no packet was seen`, async (t) => {
    const stage = await bootStage(t, { model: 'pi4' });
    stage.become({ ...states.failed, code: failed, detail: 'it says 1970', resume: { at: 'join' } });
    const told = stage.diagnosis();
    t.is(told?.code, code);
    t.regex(told?.sentence ?? '', says);
    t.regex(told?.deed ?? '', deed);
    t.is(stage.diagnosis({ boots: [] })?.code, code);
  });
}
