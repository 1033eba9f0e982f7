import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseDeviceId, parseHostname, parseMac, parseSerial } from '../../../config/values.ts';
import { type AdmissionRules, admit } from '../../../daemon/lifecycle/admission.ts';
import type { Device } from '../../../daemon/lifecycle/device.ts';
import { aDevice, aReport, MAC, type ReportChanges, SERIAL, states } from '../../support/boards.ts';

const auto: AdmissionRules = { mode: 'auto', acceptedLastHour: 0, limit: 32, lanIsOurs: true, allow: [] };
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
