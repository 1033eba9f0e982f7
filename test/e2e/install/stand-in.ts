/** The kubeadm and kubelet of the lab for a guest: bundled, since a guest strips no types in reasonable time, with a Node for arm64. */
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { nodeBinary } from '../../../.ci/package.d/node-binary.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const folder = 'opt/kubeadm-stand-in';

const starter = (words: string): string => `#!/bin/sh
# Compiled once on this board.
export NODE_COMPILE_CACHE=/var/cache/kubeadm-stand-in
exec /${folder}/node /${folder}/main.js ${words}"$@"
`;

const kubeletUnit = `[Unit]
Description=kubelet stand-in
ConditionPathExists=/etc/kubernetes/kubelet.conf
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/local/bin/kubelet
Restart=always

[Install]
WantedBy=multi-user.target
`;

export type StandIn = Readonly<Record<string, string>>;

/** Into a root file system. */
export async function putStandIn(files: StandIn, root: string): Promise<void> {
  await mkdir(join(root, folder), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, folder, name), text);
  await writeFile(join(root, folder, 'package.json'), '{"type": "module"}\n');
  await copyFile(nodeBinary(repository, 'arm64'), join(root, folder, 'node'));
  await chmod(join(root, folder, 'node'), 0o755);
  for (const [name, words] of [
    ['kubeadm', ''],
    ['kubelet', 'kubelet '],
  ] as const) {
    const path = join(root, 'usr/local/bin', name);
    await writeFile(path, starter(words));
    await chmod(path, 0o755);
  }
  const units = join(root, 'etc/systemd/system');
  await writeFile(join(units, 'kubelet.service'), kubeletUnit);
  await symlink('../kubelet.service', join(units, 'multi-user.target.wants/kubelet.service'));
}

/** Its programs by name. */
export async function bundleStandIn(): Promise<StandIn> {
  const source = 'test/lab/kubeadm-stand-in';
  const { outputFiles } = await build({
    absWorkingDir: repository,
    entryPoints: [`${source}/main.ts`, `${source}/kubelet.ts`],
    outdir: 'out',
    write: false,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // For packages in CommonJS.
    banner: { js: "import { createRequire as make } from 'node:module'; const require = make(import.meta.url);" },
    legalComments: 'none',
    logLevel: 'warning',
  });
  return Object.fromEntries(
    outputFiles.map(({ path, text }) => [
      path.split('/').at(-1) ?? '',
      // The one that it starts by its file.
      text.replaceAll('"kubelet.ts"', '"kubelet.js"'),
    ]),
  );
}
