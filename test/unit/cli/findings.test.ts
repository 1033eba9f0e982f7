import test from 'ava';
import { type DoctorFacts, factoryFresh, findings } from '../../../cli/findings.ts';
import { models } from '../../../config/values.ts';
import { deviceFake, statusFake } from '../http/views-fake.ts';

const none = { is: 'none' } as const;
const raspios = { name: 'raspios', id: '0123456789abcdef', format: 'cloud-init' } as const;
const facts = (more: Partial<DoctorFacts> = {}): DoctorFacts => ({
  config: { netboot: { enable: false, eeprom: false }, images: { models: {} } },
  status: statusFake([deviceFake('worker-kube1')]),
  bases: [raspios],
  unread: [],
  kit: { name: 'raspios', missing: new Map() },
  eeproms: { '2711': none, '2712': none },
  ...more,
});
const told = (more: Partial<DoctorFacts> = {}): readonly string[] =>
  findings(facts(more)).map(({ level, about, text }) => `${level} ${about}: ${text}`);

test('all is well', (t) => {
  t.deepEqual(told(), [
    'well daemon: answers, version 0.1.0',
    'well images: raspios',
    `well boot kit: raspios starts the installer on ${models.join(', ')}`,
  ]);
});

test('a daemon that does not answer, or serves no board; no base', (t) => {
  t.regex(
    told({ status: 'the daemon does not answer on /run/x' }).join('\n'),
    /^wrong daemon: the daemon does not answer/,
  );
  const degraded = statusFake([], { degraded: true, advice: ['plug in a cable'] });
  t.true(told({ status: degraded }).includes('wrong daemon: plug in a cable'));
  t.true(told({ bases: [], kit: undefined }).some((line) => /^wrong images: no base image .*image add/.test(line)));
});

test('a board whose model the kit does not know is named, with what is missing; other models are not', (t) => {
  const missing = new Map([
    ['pi4', ['bcm2711-rpi-4-b.dtb']],
    ['cm5', ['bcm2712-rpi-cm5-cm5io.dtb']],
  ] as const);
  const lines = told({ kit: { name: 'old', missing } });
  t.is(lines.filter((line) => line.startsWith('wrong')).length, 1);
  t.regex(lines.join('\n'), /worker-kube1 is a pi4, for which it lacks bcm2711-rpi-4-b\.dtb: import/);
  t.regex(lines.join('\n'), /old starts the installer on pi2, pi3, pi3b\+, pi400, cm4, pi5, pi500\n/);
});

test('bases between which nobody chose, and one that is named and not there', (t) => {
  const netboot = { enable: false, eeprom: false };
  const bases = [raspios, { ...raspios, name: 'hypriotos', id: 'fedcba9876543210' }];
  const wrong = (images: DoctorFacts['config']['images'], more: Partial<DoctorFacts> = {}) =>
    told({ bases, config: { netboot, images }, ...more }).filter((line) => line.startsWith('wrong'));
  t.deepEqual(wrong({ models: {} }), [
    'wrong images: several base images are imported: name one as images.default (raspios, hypriotos)',
  ]);
  t.deepEqual(wrong({ models: {}, default: 'raspios' }), []);
  t.deepEqual(wrong({ models: { pi3: 'old' }, default: 'raspios' }), [
    'wrong images: images.models.pi3: there is no base image old; there is raspios, hypriotos',
  ]);
  const plain = [{ ...raspios, format: 'none' as const }];
  t.regex(
    wrong({ models: {} }, { bases: plain }).join(),
    /raspios has neither device-init nor cloud-init.*images of bramble\.yaml$/,
  );
  t.deepEqual(wrong({ models: {}, default: 'raspios' }, { unread: ['/srv/motd is not there'] }), [
    'wrong images: images.additions: /srv/motd is not there',
  ]);
});

test('a kit that starts no board says what to do', (t) => {
  const missing = new Map(models.map((model) => [model, ['kernel8.img']]));
  t.true(
    told({ kit: { name: 'old', missing }, status: statusFake([]) }).includes(
      'wrong boot kit: old starts the installer on no board: import a newer Raspberry Pi OS (64-bit) and name it as images.kit',
    ),
  );
});

test('EEPROM images: what they would do, who gets them, and one that would take a board away from us', (t) => {
  const there = (config: string, hasRecovery = false) => ({ is: 'there', config, hasRecovery }) as const;
  const both = { netboot: { enable: true, eeprom: true }, images: { models: {} } };
  const good = told({ config: both, eeproms: { '2711': there('BOOT_ORDER=0xf21\n', true), '2712': none } });
  t.regex(good.join('\n'), /note EEPROM: Pi 4, 400, CM4 .*BOOT_ORDER 0xf21 \(SD card or eMMC, then network/);
  t.regex(good.join('\n'), /get it; a join card can carry it/);
  t.regex(good.join('\n'), /Pi 5, 500, CM5 .*there is no pieeprom\.upd/);
  t.false(good.some((line) => line.startsWith('wrong')));
  const bad = told({ config: both, eeproms: { '2711': none, '2712': there('BOOT_ORDER=0xf461\n') } });
  t.regex(bad.join('\n'), /wrong EEPROM: Pi 5.*never asks for a boot again/);
  t.regex(bad.join('\n'), /recovery\.bin is missing/);
  const unused = told({
    eeproms: { '2711': there('BOOT_ORDER=0xf461\n'), '2712': { is: 'bad', detail: 'is a poem' } },
  });
  t.false(
    unused.some((line) => line.startsWith('wrong')),
    'nobody gets it',
  );
  t.regex(unused.join('\n'), /note EEPROM: Pi 5.*is a poem: no board gets it/);
});

test('every model has its line; what cannot be taken back says so', (t) => {
  for (const model of models) t.true(factoryFresh[model].length > 10, model);
  t.regex(factoryFresh.pi3, /CANNOT BE TAKEN BACK/);
  t.regex(factoryFresh['pi3b+'], /^nothing/);
});
