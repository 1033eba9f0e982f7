/** The package for arm64: every program in it is of that architecture, and what runs on a Pi starts, emulated. */
import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import manifest from '../../../package.json' with { type: 'json' };
import { peerPrograms } from '../../bench/peers.ts';
import { finish, startProgram } from '../../support/program.ts';
import { arm64Root } from '../install/arm64-root.ts';
import type { Scenario } from '../scenario.ts';

const build = fileURLToPath(new URL('../../../.ci/build.ts', import.meta.url));
/** e_machine, elf(5). */
const EM_AARCH64 = 183;

export const packageArm64: Scenario = async (check) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-arm64-'));
  try {
    const output = async (...command: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await finish(startProgram(command), { deadlineMs: 300_000 });
      assert.equal(code, 0, `${command.join(' ')}: ${stderr}`);
      return stdout;
    };
    await output(process.execPath, build, 'arm64', '--out', folder, '--uncompressed');
    const tree = join(folder, 'tree');
    const deb = join(folder, `bramble_${manifest.version}_arm64.deb`);
    await output('dpkg-deb', '-x', deb, tree);
    const lib = join(tree, 'usr/lib/bramble');

    await check('every ELF in it is of arm64: Node, SQLite, the busybox of the boards', async () => {
      assert.equal(await output('dpkg-deb', '-f', deb, 'Architecture'), 'arm64\n');
      const machines = new Map<string, number>();
      for (const entry of await readdir(tree, { recursive: true, withFileTypes: true })) {
        const machine = entry.isFile() ? await elfMachine(join(entry.parentPath, entry.name)) : undefined;
        if (machine !== undefined) machines.set(entry.name, machine);
      }
      const expected = ['busybox-arm64', 'linux-arm64.node', 'node'];
      assert.deepEqual(
        [...machines].sort(([a], [b]) => (a < b ? -1 : 1)),
        expected.map((name) => [name, EM_AARCH64]),
      );
    });

    const qemu = await (await peerPrograms(['qemu-user-static'])).find('qemu-aarch64-static');
    const { root } = await arm64Root((line) => process.stdout.write(`${line}\n`));
    const emulated = (...args: readonly string[]) => output(qemu, '-L', root, join(lib, 'node'), ...args);
    await check('emulated, the daemon reads its configuration, and the command line its own', async () => {
      assert.equal(await emulated(join(lib, 'brambled.js'), '--version'), `${manifest.version}\n`);
      const config = join(folder, 'bramble.yaml');
      await writeFile(config, 'interface: eth0\n');
      assert.match(
        await emulated(join(lib, 'brambled.js'), '--config', config, '--check'),
        /the configuration is well/,
      );
      assert.match(await emulated(join(lib, 'bramble.js'), '--help'), /^Usage: bramble/);
    });
    await check('emulated, its SQLite writes a database', async () => {
      const script = `
        const Database = require('node:module').createRequire(process.argv[1])('better-sqlite3');
        const database = new Database(process.argv[2]);
        database.pragma('journal_mode = WAL');
        database.exec("CREATE TABLE board (name TEXT); INSERT INTO board VALUES ('worker-kube1')");
        console.log(process.arch, database.prepare('SELECT name FROM board').pluck().get());`;
      const said = await emulated('-e', script, join(lib, 'brambled.js'), join(folder, 'test.db'));
      assert.equal(said, 'arm64 worker-kube1\n');
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** Undefined for what is no ELF. */
async function elfMachine(path: string): Promise<number | undefined> {
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(20), 0, 20, 0);
    const isElf = bytesRead === 20 && buffer.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'));
    return isElf ? buffer.readUInt16LE(18) : undefined;
  } finally {
    await handle.close();
  }
}
