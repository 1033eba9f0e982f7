import test from 'ava';
import { must } from '../../../../config/result.ts';
import { parseHostname, parseIpv4, parseMac } from '../../../../config/values.ts';
import { createNeighbourhood } from '../../../../daemon/app/network/names-service.ts';
import { createFleet } from '../../../../daemon/lifecycle/fleet.ts';
import { aDevice, MAC, states } from '../../../support/boards.ts';

const pi = must(parseMac('2c:cf:67:01:02:03'));
const host = (name: string, address: string) => ({
  name: must(parseHostname(name)),
  address: must(parseIpv4(address)),
  ssh: true,
});

test('strangers: Pis that are not ours, for as long as they are there', (t) => {
  const fleet = createFleet([aDevice(states.ready)]);
  const neighbourhood = createNeighbourhood(() => fleet);
  const names = () => neighbourhood.strangers().map(({ name }) => name);
  const present = [
    { host: host('raspberrypi', '10.77.0.7'), mac: pi },
    { host: host('laptop', '10.77.0.8'), mac: must(parseMac('00:11:22:33:44:55')) },
    { host: host('worker-kube1', '10.77.0.100'), mac: MAC },
  ];
  neighbourhood.present(present);
  t.deepEqual(names(), ['raspberrypi']);
  t.deepEqual(neighbourhood.strangers()[0], { name: 'raspberrypi', address: '10.77.0.7', mac: pi });
  // It asked for an address and is one of ours from then on.
  fleet.put(aDevice(states.seen, { macs: [pi] }));
  t.deepEqual(names(), []);
  neighbourhood.present(present.slice(1));
  fleet.remove(aDevice().id);
  t.deepEqual(names(), ['worker-kube1'], 'forgotten, but still there');
});
