/** Which kernel modules have to be loaded, and in which order, by what `depmod` wrote (modules.dep(5)). Pure. */
import type { CpioFile } from './unpack-cpio.ts';

export type KernelModule = {
  /** What `uname -r` says where it belongs. */
  readonly kernel: string;
  /** `virtio_net.ko`; as it was found it may be compressed: `virtio_net.ko.xz`. */
  readonly file: string;
  readonly bytes: Uint8Array;
};

export type ModuleChoice = {
  /** Each once, what another one needs before it. */
  readonly modules: readonly KernelModule[];
  /** Of the names that were asked for: neither a module here nor built into the kernel. */
  readonly missing: readonly string[];
};

/** Out of the files of an initramfs, which is of one kernel. */
export function chooseModules(files: readonly CpioFile[], names: readonly string[]): ModuleChoice {
  const kernel = files.map(({ path }) => placeOf(path)?.kernel).find((found) => found !== undefined);
  // The kernel's own order: a file that comes again takes the place of the first.
  const byPath = new Map(files.flatMap(({ path, bytes }) => placed(placeOf(path), kernel, bytes)));
  const textOf = (path: string): string => Buffer.from(byPath.get(path) ?? []).toString();
  const needs = new Map(textOf('modules.dep').split('\n').flatMap(dependencies));
  const pathOf = new Map([...byPath.keys()].filter(isModule).map((path) => [nameOf(path), path]));
  const builtIn = new Set(textOf('modules.builtin').split('\n').map(nameOf));

  const chosen = new Set<string>();
  const missing: string[] = [];
  for (const name of names) {
    const path = pathOf.get(nameOf(name));
    // Those of a line are in the order of unloading.
    const wanted = path === undefined ? [] : [...(needs.get(path) ?? []).toReversed(), path];
    const isThere = path === undefined ? builtIn.has(nameOf(name)) : wanted.every((one) => byPath.has(one));
    if (isThere) for (const one of wanted) chosen.add(one);
    else missing.push(name);
  }
  const modules = [...chosen].map((path) => ({
    kernel: kernel ?? '',
    file: path.slice(path.lastIndexOf('/') + 1),
    bytes: byPath.get(path) ?? new Uint8Array(0),
  }));
  return { modules, missing };
}

type Place = { readonly kernel: string; readonly path: string };

/** `usr/lib/modules/6.1.0-50-arm64/kernel/drivers/net/virtio_net.ko`; the path is below the kernel's folder. */
function placeOf(file: string): Place | undefined {
  const [, kernel, path] = /^(?:\.?\/)?(?:usr\/)?lib\/modules\/(\w[\w.+~-]{0,99})\/([\w./+-]+)$/.exec(file) ?? [];
  return kernel === undefined || path === undefined ? undefined : { kernel, path };
}

const placed = (place: Place | undefined, kernel: string | undefined, bytes: Uint8Array): [string, Uint8Array][] =>
  place === undefined || place.kernel !== kernel ? [] : [[place.path, bytes]];

const isModule = (path: string): boolean => /\.ko(\.(gz|xz|zst))?$/.test(path);

/** The kernel takes `-` and `_` for the same. */
const nameOf = (path: string): string =>
  path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.ko(\.\w+)?$/, '')
    .replaceAll('-', '_');

/** `kernel/net/x.ko.xz: kernel/net/y.ko.xz kernel/net/z.ko.xz` */
function dependencies(line: string): [string, readonly string[]][] {
  const colon = line.indexOf(':');
  return colon < 0
    ? []
    : [
        [
          line.slice(0, colon),
          line
            .slice(colon + 1)
            .split(' ')
            .filter(isModule),
        ],
      ];
}
