/**
 * What `power.command` of bramble.yaml may be: switches the lab's boards by a program that is run as
 * `COMMAND on|off|state NAME MAC ADDRESS`, as an owner's script would ask his PoE switch.
 */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabBoard } from './lab.ts';

export type Switching = {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly name: string;
  readonly power: 'on' | 'off';
};

export type PowerStrip = {
  readonly command: string;
  /** Every on and off, in order. */
  readonly switchings: readonly Switching[];
  readonly close: () => Promise<void>;
};

/** `boards`: those there are, at any moment. */
export async function openPowerStrip(boards: () => readonly LabBoard[]): Promise<PowerStrip> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-power-'));
  const [socket, command] = [join(folder, 'socket'), join(folder, 'power')];
  const switchings: Switching[] = [];

  /** Undefined: there is no such board. */
  const obey = async (what: string, name: string, mac: string): Promise<string | undefined> => {
    const board = boards().find(({ identity }) => identity.mac === mac);
    if (board === undefined) return;
    const { hardware } = board;
    if (what === 'state') return hardware.powered() ? 'on' : 'off';
    if (what !== 'on' && what !== 'off') return;
    switchings.push({ at: Date.now(), name, power: what });
    if (what === 'on') hardware.powerOn();
    else await hardware.powerOff();
    return '';
  };

  const server = createServer((request, response) => {
    const [, what = '', name = '', mac = ''] = (request.url ?? '').split('/');
    void obey(what, name, mac).then((said) => {
      response.statusCode = said === undefined ? 404 : 200;
      response.end(said === undefined ? `no ${what} for ${name}\n` : said);
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  await writeFile(command, `#!/bin/sh\nexec curl -fsS --unix-socket ${socket} "http://strip/$1/$2/$3"\n`);
  await chmod(command, 0o755);
  return {
    command,
    switchings,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
