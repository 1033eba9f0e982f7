#!/usr/bin/env node
/** The process `brambled`: arguments, signals, exit codes. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { EXIT_CONFIG, formatProblem, parseConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import packageJson from '../package.json' with { type: 'json' };
import { runApp } from './app/app.ts';
import { additionProblems } from './app/boards/additions.ts';
import { eepromFindings } from './app/boards/eeproms.ts';
import { findSite } from './app/network/whereabouts.ts';
import { systemClock } from './system/clock.ts';
import { createLog } from './system/log.ts';
import { systemRandom } from './system/random.ts';
import { createSdNotify, watchdogInterval } from './system/sd-notify.ts';
import { systemShell } from './system/shell.ts';
import { nodeUdp, parseInheritedSockets } from './system/udp.ts';

const USAGE = `usage: brambled [--config FILE] [--check | --print-interface | --version]

  --config FILE      default: $BRAMBLE_CONFIG, or /etc/bramble/bramble.yaml if it is there
  --check            say what is wrong with the configuration, and start nothing
  --print-interface  the interface that the boards are on; exit 1 if that is not clear
`;
const EXIT_USAGE = 64;
const DEFAULT_FILE = '/etc/bramble/bramble.yaml';
/** After the signal; systemd waits 90 s. */
const SHUTDOWN_LIMIT = 20_000;
const EXIT_LIMIT = 2000;

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

async function main(): Promise<number> {
  const options = readArguments();
  if (options === undefined) {
    complain(USAGE);
    return EXIT_USAGE;
  }
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (options.version) {
    print(packageJson.version);
    return 0;
  }
  const config = readConfig(options.config);
  if (config === undefined) return EXIT_CONFIG;
  if (options.check) return await check(config);
  if (options['print-interface']) {
    const site = await findSite(config);
    if (site.ok) print(site.value.interface);
    else complain(site.error.detail);
    return site.ok ? 0 : 1;
  }
  return await serve(config);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        config: { type: 'string' },
        check: { type: 'boolean', default: false },
        'print-interface': { type: 'boolean', default: false },
        version: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/** A file that was named has to be there; the default one need not. */
function readConfig(named: string | undefined): Config | undefined {
  const file = named ?? process.env['BRAMBLE_CONFIG'] ?? DEFAULT_FILE;
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (named !== undefined || !missing) {
      complain(`${file}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
  const parsed = parseConfig(text);
  if (parsed.ok) return parsed.value;
  for (const found of parsed.error) complain(formatProblem(file, found));
  complain(`${parsed.error.length} problem${parsed.error.length === 1 ? '' : 's'}; nothing was started`);
  return undefined;
}

/** What else the file speaks of is looked at, too; the daemon itself would start, and each image would fail. */
async function check(config: Config): Promise<number> {
  const eeproms = await eepromFindings(config);
  const problems = [...(await additionProblems(config)), ...eeproms.filter(({ wrong }) => wrong)];
  for (const { key, detail } of problems) complain(`${key}: ${detail}`);
  for (const { key, detail, wrong } of eeproms) if (!wrong) print(`${key}: ${detail}`);
  if (problems.length === 0) print('the configuration is well');
  return problems.length === 0 ? 0 : EXIT_CONFIG;
}

async function serve(config: Config): Promise<number> {
  const priorities = process.env['JOURNAL_STREAM'] !== undefined;
  const log = createLog({ stream: process.stderr, level: config.log.level, priorities, clock: systemClock });
  const inherited = parseInheritedSockets(process.env['BRAMBLE_FDS']);
  if (!inherited.ok) {
    log.error('the launcher left no usable sockets', { ...inherited.error });
    return 1;
  }
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort(new Error(name)));
  const notify = createSdNotify({ env: process.env, shell: systemShell, log });
  const feedEvery = watchdogInterval(process.env, process.pid);
  const feed = (stuck: () => readonly string[]): void => {
    const names = stuck();
    if (names.length === 0) void notify.watchdog();
    // systemd starts us again; this is what it was.
    else log.error('does not get on', { stuck: names });
  };
  try {
    await runApp({
      config,
      version: packageJson.version,
      clock: systemClock,
      random: systemRandom,
      log,
      openUdp: nodeUdp(log),
      inherited: inherited.value,
      sockets: {
        interface: inherited.value.size > 0 ? process.env['BRAMBLE_INTERFACE'] : undefined,
        // systemd's, and it is told to try for ever.
        restarted: process.env['NOTIFY_SOCKET'] !== undefined,
      },
      gatewaySocket: process.env['BRAMBLE_GATEWAY'],
      powerSocket: process.env['BRAMBLE_POWER'],
      signal: stop.signal,
      onReady: (stuck) => {
        void notify.ready();
        if (feedEvery !== undefined) setInterval(() => feed(stuck), feedEvery).unref();
      },
      onEnding: () => {
        void notify.stopping();
        setTimeout(() => {
          log.error('did not end in time');
          process.exit(1);
        }, SHUTDOWN_LIMIT).unref();
      },
    });
    log.info('ended');
    return 0;
  } catch (error) {
    log.error('cannot go on', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    return 1;
  }
}

process.on('unhandledRejection', (reason) => {
  complain(
    `a promise was left alone, this is a mistake in bramble: ${reason instanceof Error ? reason.stack : String(reason)}`,
  );
  process.exit(1);
});
process.exitCode = await main();
// Nothing is served any more: something that was left open must not keep up the appearance.
setTimeout(() => process.exit(), EXIT_LIMIT).unref();
