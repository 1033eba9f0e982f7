/** How the kubelet stand-in is found again. A file of its own: kubelet.ts writes it, kubelet-process.ts starts kubelet.ts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Layout } from './layout.ts';

export function writePidFile(layout: Layout): void {
  mkdirSync(dirname(layout.pidFile), { recursive: true });
  writeFileSync(layout.pidFile, `${process.pid}\n`);
}
