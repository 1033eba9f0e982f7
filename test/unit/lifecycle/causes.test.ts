/** Whatever can end in `failed` is told in plain words: found in the sources, so that a new code without words is found, too. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseHostname } from '../../../config/values.ts';
import { causeOf } from '../../../daemon/lifecycle/causes.ts';
import { explain, nextDeed } from '../../../daemon/lifecycle/explain.ts';
import { aDevice, aReport } from '../../support/boards.ts';

const root = new URL('../../../', import.meta.url).pathname;
const filesIn = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** No board fails with these: they belong to commands of the owner's, to a packet, or to what is caught where it is made. */
const others = [
  // Writing a card at the command line, importing an image, a join card's EEPROM.
  /^TARGET_/,
  /^EEPROM_BAD$/,
  /^DISK_MARK_DAMAGED$/,
  // Reading a certificate request and its key; ends as CSR_REFUSED.
  /^DER_/,
  /^NOT_(PEM|PKCS10)$/,
  /^INVALID_(PUBLIC_KEY|VALUE)$/,
  // Answers to the owner or to a packet.
  /^(NOT_FOUND|NOT_READY|TOO_LARGE|NAME_TAKEN|PENDING_FULL|ADDRESSES_EXHAUSTED|DEVICE_GONE)$/,
  // Its light and its health.
  /^(NO_LIGHT|HEALTH_UNKNOWN)$/,
  // A board's boot order is corrected after it has joined.
  /^BOOT_ORDER_REFUSED$/,
  // Node's own, and names of environment variables and of settings.
  /^(ERR_|Z_|XDG_|BRAMBLE_|BOOT_ORDER$)/,
];

test('every code that the sources can let a board fail with has a cause and a way on', (t) => {
  const sources = ['daemon/join', 'daemon/app/boards', 'daemon/lifecycle', 'image-builder'].flatMap(filesIn);
  const code = /(?<=['"`])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?=['"`])|(?<=\bfailed )[A-Z]+(?:_[A-Z]+)+/g;
  const found = new Map(
    [...sources, join(root, 'daemon/cluster/api.ts')]
      .filter((path) => !path.endsWith('causes.ts'))
      .flatMap((path) => [...readFileSync(path, 'utf8').matchAll(code)].map(([name]) => [name, path] as const)),
  );
  t.true(found.size > 80, 'the sources were read');
  const missing = [...found].filter(([name]) => !others.some((one) => one.test(name)) && causeOf(name) === undefined);
  t.deepEqual(missing, []);
});

test('a failed board says why in plain words first, and what to do; an unknown code speaks for itself', (t) => {
  const name = must(parseHostname('worker-kube1'));
  const failed = (code: string) =>
    aDevice({ name: 'failed', code, detail: 'dd: I/O error', resume: { at: 'install', report: aReport() } }, { name });
  t.is(explain(failed('DISK_WRITE_FAILED')), 'its disk cannot be written (DISK_WRITE_FAILED: dd: I/O error)');
  t.is(
    nextDeed(failed('DISK_WRITE_FAILED')),
    'put another card or disk in: this one does not keep what is written to it, then bramble retry worker-kube1    (its disk cannot be written: dd: I/O error)',
  );
  t.is(
    nextDeed(failed('TOKEN_REFUSED')),
    'bramble retry worker-kube1    (the cluster does not take its join token: dd: I/O error)',
  );
  t.regex(nextDeed(failed('RESET_FAILED')) ?? '', /^bramble reinstall worker-kube1 /);
  t.is(explain(failed('OF_ANOTHER_VERSION')), 'OF_ANOTHER_VERSION: dd: I/O error');
  t.is(nextDeed(failed('OF_ANOTHER_VERSION')), 'bramble retry worker-kube1    (OF_ANOTHER_VERSION: dd: I/O error)');
  t.is(causeOf('constructor'), undefined);
});
