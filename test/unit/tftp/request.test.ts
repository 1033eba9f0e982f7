import test from 'ava';
import { normaliseName } from '../../../daemon/tftp/path.ts';
import { judgeRequest } from '../../../daemon/tftp/request.ts';

const names: readonly (readonly [name: string, normalised: string])[] = [
  ['bootcode.bin', 'bootcode.bin'],
  ['09b92bda/start4.elf', '09b92bda/start4.elf'],
  // Pi 5; os_prefix.
  ['7bf18f79//config.txt', '7bf18f79/config.txt'],
  ['/89eb9bb9/kernel8.img', '89eb9bb9/kernel8.img'],
  ['///a/./b//c', 'a/b/c'],
  ['overlays/vc4 kms.dtbo', 'overlays/vc4 kms.dtbo'],
  ['a/...', 'a/...'],
  ['__proto__', '__proto__'],
];
for (const [name, normalised] of names) {
  test(`${name} means ${normalised}`, (t) => t.deepEqual(normaliseName(name), { ok: true, value: normalised }));
}

const refused: readonly (readonly [name: string, code: 'NOT_FOUND' | 'DENIED'])[] = [
  ['../etc/shadow', 'DENIED'],
  ['/../../etc/shadow', 'DENIED'],
  ['a/..', 'DENIED'],
  ['..', 'DENIED'],
  ['..\\boot.ini', 'DENIED'],
  ['a\\b', 'DENIED'],
  ['a\0b', 'DENIED'],
  ['a\nb', 'DENIED'],
  ['a\xe9', 'DENIED'],
  ['', 'NOT_FOUND'],
  ['/', 'NOT_FOUND'],
  ['./', 'NOT_FOUND'],
  ['a'.repeat(256), 'NOT_FOUND'],
];
for (const [name, code] of refused) {
  test(`${JSON.stringify(name.slice(0, 20))} is refused: ${code}`, (t) => {
    const result = normaliseName(name);
    t.false(result.ok);
    if (!result.ok) t.is(result.error.code, code);
  });
}

const judged: readonly (readonly [opcode: 'RRQ' | 'WRQ', file: string, mode: string, code: number | undefined])[] = [
  ['RRQ', '/a', 'octet', undefined],
  ['RRQ', 'a', 'OCTET', undefined],
  ['RRQ', 'a', 'netascii', 4],
  ['RRQ', 'a', 'mail', 4],
  ['RRQ', 'a', '', 4],
  ['RRQ', '../a', 'octet', 2],
  ['RRQ', '', 'octet', 1],
  ['WRQ', 'a', 'octet', 2],
  ['WRQ', '../a', 'mail', 2],
];
for (const [opcode, file, mode, code] of judged) {
  test(`${opcode} "${file}" ${mode}: ${code === undefined ? 'served' : `ERROR ${code}`}`, (t) => {
    const verdict = judgeRequest({ opcode, file, mode, options: [] });
    t.is(verdict.ok ? undefined : verdict.error.code, code);
  });
}
