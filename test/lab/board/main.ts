/**
 * One power-on of a virtual board; see enter.sh for the place where it runs. `/mnt/board/board.json` says which board.
 * Exit 75: starts again (reboot). Exit 76: its boot ROM gave up; 77: its system was shut down. Then a power cycle is needed.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { must } from '../../../config/result.ts';
import { parseBoardFile } from './board-file.ts';
import { parseCmdline } from './config-txt.ts';
import { type Emit, exits } from './events.ts';
import { joinConf, runInstaller } from './installer.ts';
import { device, resetPort } from './link.ts';
import { type Identity, modelTable } from './models.ts';
import { startSystem } from './os.ts';
import { powerOn, serverOf } from './rom.ts';
import { run } from './run.ts';

const place = '/mnt/board';
const repository = '/mnt/bramble';

/** The two places where Linux on a Pi shows what it is; the others need a Pi's kernel. */
async function showHardware(identity: Identity, signal: AbortSignal): Promise<void> {
  const row = modelTable[identity.model];
  const cpuinfo = `processor\t: 0\nHardware\t: BCM2835\nRevision\t: ${row.revision.toString(16)}\nSerial\t\t: ${identity.serial}\nModel\t\t: ${row.description}\n`;
  await mkdir('/run/board', { recursive: true });
  await writeFile('/run/board/cpuinfo', cpuinfo);
  await run('mount', ['--bind', '/run/board/cpuinfo', '/proc/cpuinfo'], { signal });
}

const file = must(parseBoardFile(await readFile(`${place}/board.json`, 'utf8')));
const { identity } = file;
const emit: Emit = (event, details = {}) => {
  const seconds = Math.round(Date.now() - file.switchedOn) / 1000;
  process.stdout.write(`${JSON.stringify({ seconds, event, ...details })}\n`);
};
const power = new AbortController();
const { signal } = power;
const disk = `${place}/disk.img`;

async function boot(): Promise<number> {
  emit('power-on');
  await resetPort(identity.mac, signal);
  await showHardware(identity, signal);
  const started = await powerOn({ identity, bootOrder: file.bootOrder, disk, emit, signal });
  if (started.from === 'nothing') return exits.stopped;
  const common = { identity, disk, emit, signal };
  const panic = (reason: string): number => {
    emit('kernel-panic', { reason });
    return exits.stopped;
  };
  if (started.from === 'network') {
    const { cmdline, initramfs } = started.loaded;
    const words = parseCmdline(cmdline);
    const [server, key] = [serverOf(words), words.get('bramble.key')];
    if (server === undefined || key === undefined)
      return panic('no bramble.server= or bramble.key= on the kernel command line');
    if (initramfs === undefined) return panic('no initramfs');
    await runInstaller({ ...common, server, initramfs, source: 'netboot', key });
    return exits.reboot;
  }
  const { boot: partition, initramfs } = started;
  const card = await joinConf(partition, signal);
  if (card !== undefined) {
    if (initramfs === undefined) return panic('no initramfs');
    await runInstaller({ ...common, server: card.server, initramfs, source: 'join-card', key: card.key });
    return exits.reboot;
  }
  const ended = new Promise<number>((resolve) => {
    process.once('SIGUSR1', () => resolve(exits.reboot));
    process.once('SIGUSR2', () => resolve(exits.halted));
  });
  await startSystem(partition, repository, emit, signal);
  const code = await ended;
  // Its namespace would go on answering.
  if (code === exits.halted) await run('ip', ['link', 'set', device, 'down'], { signal });
  return code;
}

try {
  const code = await boot();
  emit(code === exits.reboot ? 'reboot' : code === exits.halted ? 'halted' : 'stopped');
  process.exitCode = code;
} catch (error) {
  emit('crashed', { reason: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
// What still runs ends with the power, that is with the namespace of processes.
process.exit();
