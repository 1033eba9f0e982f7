import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseDeviceId, parseHostname, parseMac, parseSerial } from '../../../config/values.ts';
import { type AdmissionRules, admit, isOfAnother } from '../../../daemon/lifecycle/admission.ts';
import type { Device } from '../../../daemon/lifecycle/device.ts';
import { aDevice, aReport, MAC, type ReportChanges, SERIAL, states } from '../../support/boards.ts';

const auto: AdmissionRules = {
  mode: 'auto',
  acceptedLastHour: 0,
  limit: 32,
  lanIsOurs: true,
  allow: [],
  openedBy: undefined,
};
const foreign = { bytes: 1, content: 'foreign' } as const;
const other = aDevice(states.ready, {
  id: must(parseDeviceId('d-00000000000f')),
  name: must(parseHostname('worker-kube9')),
  macs: [must(parseMac('dc:a6:32:09:09:09'))],
  serials: [must(parseSerial('abcdef01'))],
});

const cases: [string, ReportChanges, Partial<AdmissionRules>, 'accept' | 'wait' | 'hold'][] = [
  ['blank disk on our own LAN', {}, {}, 'accept'],
  ['disk written by us', { disk: { bytes: 1, content: 'ours' } }, {}, 'accept'],
  ['factory-formatted and empty', { disk: { bytes: 1, content: 'empty' } }, {}, 'accept'],
  ['data on its disk', { disk: foreign }, {}, 'wait'],
  ['data on its disk, though it knows the key', { disk: foreign, proof: true }, {}, 'wait'],
  ['no disk at all', { disk: { bytes: 0, content: 'none' } }, {}, 'wait'],
  ['netboot beside the router', {}, { lanIsOurs: false }, 'wait'],
  ['nobody knows yet whose network it is', {}, { lanIsOurs: undefined }, 'wait'],
  ['join card, before anybody knows whose network it is', { proof: true }, { lanIsOurs: undefined }, 'accept'],
  ['join card beside the router', { proof: true }, { lanIsOurs: false }, 'accept'],
  ['the hour is full', {}, { acceptedLastHour: 32 }, 'wait'],
  ['the last one of the hour', {}, { acceptedLastHour: 31 }, 'accept'],
  ['approve: always waits', { proof: true }, { mode: 'approve' }, 'wait'],
  ['allow-list: not on it', {}, { mode: 'allow-list' }, 'wait'],
  ['allow-list: on it', {}, { mode: 'allow-list', allow: [{ mac: MAC, serial: SERIAL }] }, 'accept'],
  [
    'allow-list: on it with the full serial, of which the board tells the low half',
    { serial: must(parseSerial('abcdef01')) },
    { mode: 'allow-list', allow: [{ mac: MAC, serial: SERIAL }] },
    'accept',
  ],
  [
    'allow-list: on it with the low half, of which the board tells the full one',
    {},
    { mode: 'allow-list', allow: [{ mac: MAC, serial: must(parseSerial('abcdef01')) }] },
    'accept',
  ],
  [
    'allow-list: the boot ROM told the low half, the installer none',
    { serial: undefined },
    { mode: 'allow-list', allow: [{ mac: MAC, serial: SERIAL }] },
    'accept',
  ],
  [
    'allow-list: another high half',
    {},
    { mode: 'allow-list', allow: [{ mac: MAC, serial: must(parseSerial('20000000abcdef01')) }] },
    'wait',
  ],
  ['open, where the mode says approve', {}, { mode: 'approve', openedBy: 'anna' }, 'accept'],
  ['open, where it is not on the list', {}, { mode: 'allow-list', openedBy: 'anna' }, 'accept'],
  ['open, beside the router', {}, { lanIsOurs: false, openedBy: 'anna' }, 'accept'],
  ['open, and data on its disk', { disk: foreign }, { mode: 'approve', openedBy: 'anna' }, 'wait'],
  ['open, and no disk at all', { disk: { bytes: 0, content: 'none' } }, { openedBy: 'anna' }, 'wait'],
  ['open, and the hour is full', {}, { mode: 'approve', openedBy: 'anna', acceptedLastHour: 32 }, 'wait'],
  [
    'allow-list: the address of another',
    {},
    { mode: 'allow-list', allow: [{ mac: other.macs[0] ?? MAC, serial: SERIAL }] },
    'wait',
  ],
];

for (const [title, report, rules, verdict] of cases) {
  test(title, (t) => {
    t.is(admit(aDevice(states.reported), aReport(report), [aDevice()], { ...auto, ...rules }).verdict, verdict);
  });
}

test('a disk with data on it is named, so that its owner knows which one he gives away', (t) => {
  const disk = { type: 'sd', model: 'SC32G', bytes: 31_914_983_424, content: 'foreign' } as const;
  const verdict = admit(aDevice(states.reported), aReport({ disk }), [], auto);
  t.regex(
    verdict.verdict === 'wait' ? verdict.reason : '',
    /^its disk \(sd, 31\.9 GB, SC32G\) holds data that is not ours/,
  );
});

test('a disk with the system of another board of ours: the owner is told whose it is before it is written over', (t) => {
  const allow = [{ mac: MAC, serial: SERIAL }];
  const moved: ReportChanges = { disk: { type: 'sd', model: 'SC32G', content: 'foreign', device: other.id } };
  const expected = { ...other, macs: [], serials: [], state: { name: 'starting', card: true } } as const;
  const decided = (report: ReportChanges, owner: Device, rules: Partial<AdmissionRules> = {}) =>
    admit(aDevice(states.reported), aReport(report), [aDevice(), owner], { ...auto, ...rules });
  for (const rules of [{}, { mode: 'approve' }, { mode: 'allow-list', allow }] as const) {
    for (const source of ['netboot', 'join-card'] as const) {
      const verdict = decided({ ...moved, source }, { ...other, serials: [] }, rules);
      t.regex(
        verdict.verdict === 'wait' ? verdict.reason : verdict.verdict,
        /^its disk \(sd, 8 GB, SC32G\) is that of worker-kube9, .*put it back there; accepting overwrites it$/,
      );
    }
    const verdict = decided(moved, expected, rules);
    t.regex(
      verdict.verdict === 'wait' ? verdict.reason : verdict.verdict,
      /is the card that was made for worker-kube9: `bramble reject worker-kube1`.*accepting overwrites it$/,
    );
  }
});

test('a disk that says it is the board’s own is not asked about, whatever card is waited for', (t) => {
  const expected = { ...other, macs: [], serials: [], state: { name: 'starting', card: true } } as const;
  const decided = (report: ReportChanges) =>
    admit(aDevice(states.reported), aReport(report), [aDevice(), expected], auto).verdict;
  t.is(decided({ disk: { content: 'ours', device: aDevice().id } }), 'accept');
  t.is(decided({ disk: { content: 'ours' } }), 'accept', 'a join card, or what an installation left half-written');
  t.is(decided({}), 'accept', 'blank');
});

test('somebody else has the same serial or address: held, even on the allow-list and with the key', (t) => {
  const rules: AdmissionRules = { ...auto, mode: 'allow-list', allow: [{ mac: MAC, serial: SERIAL }] };
  const verdict = admit(aDevice(states.reported), aReport({ proof: true }), [other], rules);
  t.is(verdict.verdict, 'hold');
  t.true(verdict.verdict === 'hold' && verdict.reason.includes('worker-kube9'));
});

test('who opened it is in the verdict, and a board that comes in without that does not name him', (t) => {
  const by = (rules: Partial<AdmissionRules>): string => {
    const verdict = admit(aDevice(states.reported), aReport(), [], { ...auto, openedBy: 'anna', ...rules });
    return verdict.verdict === 'accept' ? verdict.by : verdict.reason;
  };
  t.is(by({ mode: 'approve' }), 'open by anna');
  t.is(by({}), 'auto: nothing on it can be lost');
  t.is(by({ mode: 'approve', acceptedLastHour: 32 }), '32 boards were accepted within the last hour already');
});

test('two serial numbers behind one hardware address: held, whatever the rules, and the text says which one is meant', (t) => {
  const twin = must(parseSerial('10000000abcdef02'));
  const device = aDevice(states.reported, { serials: [SERIAL, twin] });
  for (const rules of [{}, { mode: 'approve' }, { openedBy: 'anna', mode: 'approve' }] as const) {
    const verdict = admit(device, aReport({ serial: twin }), [], { ...auto, ...rules });
    t.is(verdict.verdict, 'hold');
    t.regex(
      verdict.verdict === 'hold' ? verdict.reason : '',
      /dc:a6:32:01:02:03, with the serial numbers 10000000abcdef01 and 10000000abcdef02: accepting it takes in 10000000abcdef02/,
    );
  }
  const half = aDevice(states.reported, { serials: [must(parseSerial('abcdef01'))] });
  t.is(admit(half, aReport(), [], auto).verdict, 'accept', 'its own low half is no other board');
});

test('whoever uses the hardware address of a board that was decided about is another one by its serial number', (t) => {
  const twin = must(parseSerial('10000000abcdef02'));
  for (const state of [states.ready, states.installing, states.rejected, states.failed]) {
    t.true(isOfAnother(aDevice(state), twin), state.name);
    t.false(isOfAnother(aDevice(state), SERIAL), state.name);
    t.false(isOfAnother(aDevice(state), must(parseSerial('abcdef01'))), state.name);
    t.false(isOfAnother(aDevice(state), undefined), state.name);
    t.false(isOfAnother(aDevice(state, { serials: [] }), twin), state.name);
  }
  for (const state of [states.seen, states.pending, states.held])
    t.false(isOfAnother(aDevice(state), twin), state.name);
});
