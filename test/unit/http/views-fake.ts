/** One master and some boards, as the daemon would show them. */
import type {
  DeviceDescription,
  DeviceView,
  EventView,
  ImageFilesView,
  StatusView,
  TrafficCounts,
} from '../../../daemon/http/wire.ts';

/** States in which the daemon names a deed, whatever else is known of the board. */
const waiting = ['failed', 'local-boot-failed', 'unreachable', 'waiting-for-proof', 'held', 'pending'];

export const deviceFake = (name: string, more: Partial<DeviceView> = {}): DeviceView => ({
  id: `d-0000000000${name.slice(-1).padStart(2, '0')}`,
  name,
  address: `192.168.1.20${name.slice(-1)}`,
  macs: [`dc:a6:32:01:02:0${name.slice(-1)}`],
  serials: ['10000000abcdef01'],
  model: 'pi4',
  state: 'ready',
  why: 'its Node is Ready',
  deed: waiting.includes(more.state ?? 'ready') ? `look at ${name}` : null,
  adoptable: false,
  since: '2026-01-01T11:55:30.000Z',
  deadline: null,
  progress: null,
  ...more,
});

export const noTraffic: TrafficCounts = {
  ...{ answered: 0, repeated: 0, ignored: 0, refused: 0, failed: 0 },
  ...{ malformed: 0, flood: 0, capacity: 0, overrun: 0 },
};

export const statusFake = (devices: readonly DeviceView[], master: Partial<StatusView['master']> = {}): StatusView => ({
  revision: 42,
  generatedAt: '2026-01-01T12:00:00.000Z',
  version: '0.1.0',
  master: {
    hostname: 'master',
    interface: 'eth0',
    address: '192.168.1.10',
    dhcpMode: 'full',
    admission: 'auto',
    open: null,
    cluster: { driver: 'k3s', reachable: true, detail: '' },
    degraded: false,
    advice: [],
    traffic: { dhcp: noTraffic, tftp: noTraffic, mdns: noTraffic, http: noTraffic },
    ...master,
  },
  devices,
  strangers: [],
  guests: [],
});

export const eventFake = (id: number, device = 'worker-kube1'): EventView => ({
  id,
  at: '2026-01-01T11:55:30.000Z',
  device,
  event: 'node-ready',
  from: 'joining',
  to: 'ready',
  reason: 'its Node is Ready',
});

export const descriptionFake = (view: DeviceView): DeviceDescription => ({
  ...view,
  firstSeen: '2026-01-01T11:50:00.000Z',
  disk: null,
  memoryBytes: null,
  timeline: [
    { at: '2026-01-01T11:50:00.000Z', seconds: 0, what: 'seen' },
    { at: '2026-01-01T11:50:07.200Z', seconds: 7.2, what: 'ready' },
  ],
  earlierBoots: [],
  diagnosis: null,
  health: null,
  installerLog: [],
  failedOutput: [],
  hostKeys: ['SHA256:Wv0tqk2g'],
  events: [eventFake(1, view.name), eventFake(2, view.name)],
});

export const imageFilesFake = (device: string): ImageFilesView => ({
  device,
  base: 'raspios-lite',
  format: 'cloud-init',
  made: false,
  notes: ['nobody keeps it up'],
  files: [
    { path: 'user-data', bytes: 411, secret: true, text: '#cloud-config\nkey: "*** secret, 399 bytes ***"\n' },
    { path: 'logo.bin', bytes: 5, secret: false, text: null },
  ],
});
