/**
 * A rack: boards with their power, a cluster, and a master (doubles), and the daemon's own parts that plan work on them. The daemon
 * can be killed right after any of its commits, and the whole rack can lose its power.
 */
import { must, ok, problem } from '../../config/result.ts';
import { type DeviceId, parseDeviceId, parseHostname, parseIpv4, parseMac, seconds } from '../../config/values.ts';
import { followNodes } from '../../daemon/app/boards/node-events.ts';
import { createDrainDesk } from '../../daemon/app/keeping/drain-desk.ts';
import { createPowerDesk } from '../../daemon/app/keeping/power-desk.ts';
import { stopBoard } from '../../daemon/app/keeping/stop-board.ts';
import type { Gate } from '../../daemon/cluster/gate.ts';
import type { NodeFacts } from '../../daemon/cluster/nodes.ts';
import type { PowerDriver } from '../../daemon/cluster/power/driver.ts';
import type { PodFacts } from '../../daemon/cluster/workloads/facts.ts';
import type { JoinBoard } from '../../daemon/join/index.ts';
import type { Device } from '../../daemon/lifecycle/device.ts';
import type { Effect } from '../../daemon/lifecycle/effect.ts';
import { createRunner } from '../../daemon/lifecycle/runner.ts';
import type { Write } from '../../daemon/store/store.ts';
import { aDevice } from './boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from './doubles.ts';
import { nodeFacts } from './nodes.ts';

type BoardDouble = {
  readonly device: Device;
  power: 'on' | 'off';
  /** Its system. */
  up: boolean;
  /** Looks until it is off, or up. */
  turns: number;
  boots: number;
  /** Its sshd lets nobody in. */
  deaf: boolean;
};

export type RackOptions = {
  readonly boards: number;
  readonly driver?: 'manual' | 'command';
  readonly batch?: number;
};

/** Seconds from being told to silence, from power to a Node that is Ready, and until Kubernetes sees that it is not. */
const [GOES, COMES, UNSEEN] = [4, 20, 50];

export function buildRack({ boards: count, driver: kind = 'manual', batch = 2 }: RackOptions) {
  const clock = createClockDouble();
  const names = Array.from({ length: count }, (_, index) => `worker-kube${index + 1}`);
  const boards = new Map<string, BoardDouble>();
  const nodes = new Map<string, NodeFacts>();
  const pods = new Map<string, PodFacts>();
  const unheard = new Map<string, number>();
  const disk = {
    devices: new Map<DeviceId, Device>(),
    effects: new Map<DeviceId, readonly Effect[]>(),
    settings: new Map<string, string>(),
    notices: [] as string[],
  };
  const done: string[] = [];
  let [bootId, apiUp, masterOn] = ['boot-1', true, true];
  const budget = new Set<string>();

  for (const [index, name] of names.entries()) {
    const device = aDevice(
      { name: 'ready', quarantined: false },
      {
        id: must(parseDeviceId(`d-0000000000${String(index + 10)}`)),
        name: must(parseHostname(name)),
        address: must(parseIpv4(`10.77.0.${100 + index}`)),
        macs: [must(parseMac(`dc:a6:32:00:00:${index + 10}`))],
      },
    );
    boards.set(name, { device, power: 'on', up: true, turns: 0, boots: 1, deaf: false });
    disk.devices.set(device.id, device);
    nodes.set(name, nodeFacts({ name, device: device.id, internalIp: `10.77.0.${100 + index}`, bootId: `${name}-1` }));
  }
  const board = (name: string): BoardDouble => {
    const found = boards.get(name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  };
  const change = (name: string, changes: Partial<NodeFacts>): void => {
    const node = nodes.get(name);
    if (node !== undefined) nodes.set(name, { ...node, ...changes });
  };

  /** A second of the world. */
  function tick(): void {
    for (const [name, one] of boards) {
      if (one.turns > 0) {
        one.turns -= 1;
        if (one.turns === 0) one.up = !one.up;
        if (one.turns === 0 && one.up) {
          one.boots += 1;
          unheard.delete(name);
        }
      }
      if (one.power === 'off') Object.assign(one, { up: false, turns: 0 });
      if (!apiUp) continue;
      if (one.up) {
        const bootOf = `${name}-${one.boots}`;
        if (!nodes.get(name)?.ready || nodes.get(name)?.bootId !== bootOf)
          change(name, { ready: true, bootId: bootOf });
        unheard.delete(name);
      } else {
        const silent = (unheard.get(name) ?? 0) + 1;
        unheard.set(name, silent);
        if (silent === UNSEEN) change(name, { ready: false });
      }
    }
    for (const [name, pod] of pods) if (pod.terminating) pods.delete(name);
  }

  const away = async () => problem('API_UNREACHABLE', 'nobody answers');
  const gate: Gate = {
    evict: async (pod) => {
      if (!apiUp) return await away();
      if (budget.has(pod.name)) return problem('BUDGET', 'none may go');
      const found = pods.get(pod.name);
      if (found !== undefined) pods.set(pod.name, { ...found, terminating: true });
      done.push(`evict ${pod.name}`);
      return ok(undefined);
    },
    cordon: async (node, by) => {
      if (!apiUp) return await away();
      if (nodes.get(node.name)?.unschedulable !== true) {
        done.push(`cordon ${node.name}`);
        change(node.name, { unschedulable: true, cordonedBy: by });
      }
      return ok(undefined);
    },
    uncordon: async (node) => {
      if (!apiUp) return await away();
      if (nodes.get(node.name)?.cordonedBy !== undefined) {
        done.push(`uncordon ${node.name}`);
        change(node.name, { unschedulable: false, cordonedBy: undefined });
      }
      return ok(undefined);
    },
    disownCordon: async (node) => {
      if (!apiUp) return await away();
      const now = nodes.get(node.name);
      if (now?.cordonedBy !== undefined && !now.unschedulable) {
        done.push(`disown ${node.name}`);
        change(node.name, { cordonedBy: undefined });
      }
      return ok(undefined);
    },
    note: async () => undefined,
    forceDelete: away,
    putTaint: away,
    removeTaint: away,
    markUnknown: away,
    scale: away,
    setDeletionCost: away,
  };
  const driver: PowerDriver = {
    name: kind,
    switch: async (to, { name }) => {
      done.push(`${to} ${name}`);
      const one = board(name);
      if (one.power !== to) Object.assign(one, { power: to, turns: to === 'on' ? COMES : 0 });
      return ok(undefined);
    },
    state: async ({ name }) => ok(board(name).power),
  };

  /** `killedAfter`: the daemon is dead once it has committed so often. */
  function startDaemon(killedAfter = Number.POSITIVE_INFINITY) {
    const life = new AbortController();
    const { signal } = life;
    const log = createLogDouble();
    let commits = 0;
    const commit = async (batch: readonly Write[]): Promise<never> => {
      if (commits >= killedAfter) return await new Promise<never>(() => undefined);
      commits += 1;
      for (const write of batch) apply(write);
      if (commits === killedAfter) life.abort(new Error('killed'));
      return undefined as never;
    };
    let isPaused = 0;
    // The watch has not listed anything yet.
    let isSynced = false;
    void clock.sleep(seconds(3), signal).then(
      () => {
        isSynced = true;
      },
      () => undefined,
    );
    const dispatch: typeof runner.dispatch = (id, event) => runner.dispatch(id, event);
    const cluster = {
      request: async () => (apiUp ? ok({}) : await away()),
      node: (name: string) => (isSynced ? nodes.get(name) : undefined),
      nodes: () => (isSynced ? [...nodes.values()] : []),
      synced: () => isSynced,
      onNodes: () => () => undefined,
    };
    const drains = createDrainDesk({
      ...{ cluster, gate, clock, log },
      world: () =>
        apiUp ? { nodes: cluster.nodes(), pods, owners: new Map(), budgets: [], claims: new Map() } : undefined,
      runner: { dispatch, fleet: { all: () => runner.fleet.all() } },
      onUncordoned: (name) => void done.push(`balance ${name}`),
    });
    const stop = stopBoard({
      joiner: {
        switchOff: async ({ name }: JoinBoard) => {
          const one = board(name);
          if (one.deaf || !one.up) return problem('SSH_TIMEOUT', 'silence');
          done.push(`ssh-off ${name}`);
          if (one.turns === 0) one.turns = GOES;
          return ok(undefined);
        },
      },
      isAlive: async (address) => {
        const one = [...boards.values()].find(({ device }) => device.address === address);
        return one?.up === true;
      },
      ...{ driver, clock, log },
    });
    const nothing = async () => undefined;
    const runner = createRunner({
      ...{ commit, clock, log, signal, nextNumber: 99, random: createRandomDouble(), reservation: () => undefined },
      devices: [...disk.devices.values()],
      pendingEffects: disk.effects,
      onChange: () => undefined,
      execute: {
        ...{ 'decide-admission': nothing, 'make-image': nothing, 'find-installed': nothing, adopt: nothing },
        ...{ 'await-ssh': nothing, join: nothing, leave: nothing, 'start-installer': nothing },
        'release-quarantine': async () => ({ event: 'quarantine-released' }),
        drain: drains.drain,
        stop: (device, there) => stop({ ...device, name: device.name } as unknown as JoinBoard, device, there),
      },
    });
    const power = createPowerDesk({
      ...{ cluster, gate, drains, driver, bootId, clock, log, commit, onNotice: () => undefined },
      config: { power: { command: undefined, batch } },
      runner: { dispatch, fleet: { all: () => runner.fleet.all(), byId: (id) => runner.fleet.byId(id) } },
      boardNamed: (name) => runner.fleet.all().find((one) => one.name === name),
      clusterTrouble: async () => (apiUp ? undefined : 'the cluster is not ready'),
      masterOff: async () => {
        done.push('master-off');
        masterOn = false;
        return ok('this machine is switched off');
      },
      keepers: [
        {
          pause: () => {
            isPaused += 1;
            return () => {
              isPaused -= 1;
            };
          },
        },
      ],
      onStarted: () => void done.push('balance all'),
      settings: new Map(disk.settings),
    });
    const names_ = {
      of: ({ name }: Pick<Device, 'name'>) => name,
      boardOf: (name: string) => runner.fleet.all().find((one) => one.name === name),
    };
    const ended = Promise.all([
      runner.run(),
      drains.follow(signal),
      power.follow(signal),
      followNodes(cluster, runner, { clock, log, names: names_, signal, onTurn: () => undefined }),
    ]);
    return {
      ...{ power, drains, runner, log, signal, isPaused: () => isPaused > 0, commits: () => commits },
      kill: () => life.abort(new Error('killed')),
      isDead: () => signal.aborted,
      ended,
    };
  }

  function apply(write: Write): void {
    switch (write.write) {
      case 'put-device':
        disk.devices.set(write.device.id, write.device);
        break;
      case 'set-effects':
        disk.effects.set(write.device, write.effects);
        break;
      case 'put-setting':
        disk.settings.set(write.key, write.value);
        break;
      case 'delete-setting':
        disk.settings.delete(write.key);
        break;
      case 'append-notice':
        disk.notices.push(write.reason);
        break;
      default:
    }
  }

  /** Lets seconds go by until it holds; throws after `most`. */
  async function until(what: string, holds: () => boolean, most = 3600): Promise<void> {
    for (let waited = 0; !holds(); waited += 1) {
      if (waited > most) throw new Error(`${most} s went by without: ${what}; ${states()}; ${done.join(', ')}`);
      await pass(1);
    }
  }

  async function pass(span: number): Promise<void> {
    for (let second = 0; second < span; second += 1) {
      tick();
      await clock.advance(seconds(1));
    }
  }

  const states = (): string => [...disk.devices.values()].map(({ name, state }) => `${name} ${state.name}`).join(', ');

  return {
    ...{ clock, names, board, nodes, pods, disk, done, budget, change, startDaemon, until, pass, states },
    masterIsOn: () => masterOn,
    api: (is: boolean) => {
      apiUp = is;
    },
    /** Everything goes dark, and comes up again on the same switches; Kubernetes forgets how long it did not hear of whom. */
    powerCut: () => {
      bootId = `boot-${Number(bootId.slice(5)) + 1}`;
      masterOn = true;
      unheard.clear();
      for (const one of boards.values()) if (one.power === 'on') Object.assign(one, { up: false, turns: COMES });
    },
    /** Somebody's hand. */
    switchOn: (name: string) => Object.assign(board(name), { power: 'on', turns: COMES }),
    stateOf: (name: string) => [...disk.devices.values()].find((one) => one.name === name)?.state,
    allReady: () =>
      [...disk.devices.values()].every(({ state }) => state.name === 'ready') &&
      [...nodes.values()].every((node) => node.ready && !node.unschedulable && node.cordonedBy === undefined),
  };
}

export type Rack = ReturnType<typeof buildRack>;
