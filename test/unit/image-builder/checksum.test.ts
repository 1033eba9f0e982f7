import test from 'ava';
import { sumIn } from '../../../image-builder/checksum.ts';

const [one, two] = ['1'.repeat(64), 'ab'.repeat(32)];
const names = ['a.img.xz', 'a.img'];

const rows: readonly (readonly [name: string, text: string, single: boolean, expected: string | undefined])[] = [
  ['as sha256sum writes it', `${one}  b.img\n${two}  a.img.xz\n`, false, two],
  ['as it writes it for binary files', `${two} *a.img.xz\n`, false, two],
  ['with a folder, and CRLF', `${two}  ./images/a.img\r\n`, false, two],
  ['as BSD writes it', `SHA256 (a.img.xz) = ${two.toUpperCase()}\n`, false, two],
  ['a sum and nothing else', `${two}\n`, true, two],
  ['a sum and nothing else, in a list', `${two}\n`, false, undefined],
  ['one line of another name: the download was renamed', `${two}  hypriotos.img.zip\n`, true, two],
  ['several lines of other names', `${one}  b\n${two}  c\n`, true, undefined],
  ['a name that only ends alike', `${two}  not-a.img\n`, false, undefined],
  ['a sum of another kind', `${'1'.repeat(40)}  a.img\n`, true, undefined],
  ['a longer one', `${'1'.repeat(128)}  a.img\n`, true, undefined],
  ['a web page', '<html>404</html>', true, undefined],
  ['nothing', '', true, undefined],
];
for (const [name, text, single, expected] of rows) test(name, (t) => t.is(sumIn(text, names, single), expected));
