/** `npm start`: plugs virtual Pis into a LAN of the real daemon and shows how they become Kubernetes nodes. */
import { availableParallelism, loadavg } from 'node:os';
import { createInterface } from 'node:readline';
import { httpPort } from './daemon.ts';
import { type Lab, startLab } from './lab.ts';
import { commandHelp, deadlineSeconds, parseCommand, parseOptions, type StartOptions, usage } from './options.ts';
import { openPage, type Page } from './page/page.ts';
import { pageName } from './page/workload.ts';
import { openScreen, type Screen, table } from './screen.ts';
import { resultLine } from './timeline.ts';
import { openWindow } from './window.ts';

const write = (line: string): void => void process.stdout.write(`${line}\n`);

async function plugAll(lab: Lab, { pis, json }: StartOptions, screen: Screen, stop: AbortSignal): Promise<boolean> {
  const seconds = deadlineSeconds(pis, (loadavg()[0] ?? 0) / availableParallelism());
  const limit = AbortSignal.any([stop, AbortSignal.timeout(seconds * 1000)]);
  if (!json) screen.say(`plugging in ${pis} boards; they have ${seconds} s`);
  try {
    for (let count = 0; count < pis; count += 1) await lab.plug();
    await lab.until(() => lab.boards.every(({ state }) => state === 'ready'), limit);
    return true;
  } catch (error) {
    if (!limit.aborted) throw error;
    return false;
  }
}

/** Commands from standard input until `quit` or its end. */
async function takeCommands(lab: Lab, screen: Screen, stop: AbortSignal): Promise<void> {
  const over = new AbortController();
  try {
    await takeEach(lab, screen, AbortSignal.any([stop, over.signal]));
  } finally {
    over.abort();
  }
}

async function takeEach(lab: Lab, screen: Screen, signal: AbortSignal): Promise<void> {
  let page: Page | undefined;
  const lines = createInterface({ input: process.stdin, signal });
  for await (const line of lines) {
    screen.typed();
    const wanted = parseCommand(line);
    if (wanted === undefined) continue;
    switch (wanted.command) {
      case 'quit':
        return;
      case 'help':
        screen.say(commandHelp);
        break;
      case 'plug': {
        const board = await lab.plug();
        screen.say(`${board.label}, a ${board.plan.model}, is plugged in`);
        break;
      }
      case 'scale':
        if (lab.controlPlane.version === 'simulator') {
          screen.say('scale needs a real control plane: the simulator has no Deployments');
          break;
        }
        page ??= await openPage({ lab, say: screen.say, onReplicas: screen.replicas, signal });
        await page.scale(wanted.replicas);
        screen.say(`${pageName}: ${wanted.replicas} wanted`);
        break;
      case 'pull':
      case 'return': {
        const board = lab.find(wanted.name);
        if (board === undefined) screen.say(`there is no board ${wanted.name}`);
        else {
          await (wanted.command === 'pull' ? lab.pull(board) : lab.putBack(board));
          screen.say(`${wanted.name}: its cable is ${board.plugged ? 'back' : 'pulled'}`);
        }
      }
    }
  }
}

async function explainFailure(lab: Lab, screen: Screen): Promise<void> {
  for (const board of lab.boards.filter(({ state }) => state !== 'ready')) {
    screen.say(
      `${board.name ?? board.label} is not Ready: ${board.state}; its console: ${JSON.stringify(board.lastEvent)}`,
    );
  }
  screen.say(`brambled's last lines:\n${await lab.daemon.lastLines()}`);
}

function report(lab: Lab, options: StartOptions, ready: boolean): void {
  if (!options.json && process.stdout.isTTY !== true) write(table(lab.boards).join('\n'));
  if (!options.json) return;
  const boards = lab.boards.map(({ name, label, plan, timeline }) => ({
    name: name ?? label,
    model: plan.model,
    seconds: timeline,
  }));
  write(resultLine(ready, lab.controlPlane.version, boards));
}

async function start(options: StartOptions, stop: AbortSignal): Promise<number> {
  let lab: Lab | undefined;
  const screen = openScreen(process.stdout, options.json, () => lab);
  try {
    lab = await startLab({
      controlPlane: options.simulator ? 'simulator' : 'auto',
      signal: stop,
      log: screen.say,
      onEvent: screen.show,
    });
    const ready = await plugAll(lab, options, screen, stop);
    if (!ready && !stop.aborted) await explainFailure(lab, screen);
    if (!options.once && !stop.aborted) {
      const page = await openWindow(lab.master.netns, { address: '10.77.0.1', port: httpPort }, stop);
      screen.say(`${ready ? 'All boards are Ready.' : 'Not all boards are Ready.'} Status page: ${page}`);
      screen.say(commandHelp);
      await takeCommands(lab, screen, stop).catch((error: unknown) => {
        if (!stop.aborted) throw error;
      });
    }
    screen.finish();
    report(lab, options, ready);
    return ready ? 0 : 1;
  } finally {
    await lab?.close();
  }
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (!options.ok) {
    process.stderr.write(`${options.error.detail}\n${usage}\n`);
    return 64;
  }
  if (process.getuid?.() !== 0) {
    write('sudo npm start');
    return 1;
  }
  const stop = new AbortController();
  // The second one ends it at once; what was started goes with it.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => stop.abort(new Error(name)));
  try {
    return await start(options.value, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exit(await main());
