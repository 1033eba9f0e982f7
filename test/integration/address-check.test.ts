/** The kernel's own ARP between network namespaces. */
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { makeLan, runPrefix } from '../support/netns.ts';

const child = fileURLToPath(new URL('./address-check-child.ts', import.meta.url));

test('forty addresses at once: those that are used, and by whom', async (t) => {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(lan.close);
  const [master] = await lan.addHosts([
    { name: 'master', address: '10.77.0.1/24' },
    { name: 'laptop', address: '10.77.0.105/24', mac: '00:11:22:33:44:55' },
    // No port is open there, and an interface without an address answers for nothing.
    { name: 'pi', mac: 'dc:a6:32:00:00:01' },
  ]);
  const addresses = Array.from({ length: 40 }, (_, index) => `10.77.0.${100 + index}`);
  const answer = await master?.exec([process.execPath, child, ...addresses, '10.77.0.1', '10.99.0.1']);
  t.is(answer?.code, 0, answer?.stderr);
  const lines = (answer?.stdout ?? '').trim().split('\n');
  t.deepEqual(
    lines.filter((line) => !line.endsWith(' nobody')),
    ['10.77.0.105 00:11:22:33:44:55'],
  );
  t.is(lines.length, 42);
});
