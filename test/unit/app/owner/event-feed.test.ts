import test from 'ava';
import { must } from '../../../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4, parseMac } from '../../../../config/values.ts';
import { eventFeed } from '../../../../daemon/app/owner/event-feed.ts';
import { createFleet } from '../../../../daemon/lifecycle/fleet.ts';
import type { EventRow } from '../../../../daemon/store/store.ts';
import { aDevice, START } from '../../../support/boards.ts';

const one = aDevice();
const two = aDevice(undefined, {
  id: must(parseDeviceId('d-000000000002')),
  name: must(parseHostname('worker-kube2')),
  address: must(parseIpv4('10.77.0.101')),
  macs: [must(parseMac('dc:a6:32:00:00:02'))],
});
const row = (id: number, device: EventRow['device']): EventRow => ({
  ...{ id, device, at: START, name: 'dhcp-seen', event: undefined, from: 'seen', to: 'seen', reason: 'first seen' },
});

test('two new boards of one commit: the event of each is told under its name, once, when it is in the fleet', (t) => {
  const rows = [row(1, one.id), row(2, two.id), row(3, one.id)];
  const disk: EventRow[] = [];
  const events = ({ after = 0, limit }: { after?: number; limit: number }) =>
    disk.filter(({ id }) => id > after).slice(0, limit);
  const fleet = createFleet([]);
  const feed = eventFeed({ events }, () => fleet);
  const told: string[] = [];
  feed.subscribe(({ id, device }) => told.push(`${id} ${device}`));
  disk.push(...rows);
  fleet.put(one);
  feed.committed();
  t.deepEqual(told, ['1 worker-kube1']);
  const listed = feed.events({ after: undefined, device: undefined, limit: 10 });
  t.deepEqual(
    listed.map(({ device }) => device),
    ['worker-kube1'],
  );
  fleet.put(two);
  feed.committed();
  feed.committed();
  t.deepEqual(told, ['1 worker-kube1', '2 worker-kube2', '3 worker-kube1']);
});

test('an event of no board is told at once, under no name', (t) => {
  const disk: EventRow[] = [];
  const feed = eventFeed({ events: () => disk }, () => createFleet([]));
  const told: string[] = [];
  feed.subscribe(({ id, device, reason }) => told.push(`${id} ${JSON.stringify(device)} ${reason}`));
  disk.push(row(1, undefined));
  feed.committed();
  t.deepEqual(told, ['1 "" first seen']);
});
