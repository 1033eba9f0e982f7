/**
 * A rack for tests of failover: boards with a switch, kubelets and a cluster that does at once what the gate says (doubles all). Time is
 * that of the clock double; everything else of the daemon is the real thing.
 */
import { must, type Ok, ok, problem } from '../../../../config/result.ts';
import { type Millis, millis, parseDeviceId, parseHostname, seconds } from '../../../../config/values.ts';
import { nodeEvent } from '../../../../daemon/app/boards/node-events.ts';
import { createFailoverDesk, type FailoverDeskDeps } from '../../../../daemon/app/keeping/failover-desk.ts';
import { failoverOwner } from '../../../../daemon/app/keeping/failover-owner.ts';
import { whyUnknown } from '../../../../daemon/app/keeping/known.ts';
import { createPause } from '../../../../daemon/app/keeping/pause.ts';
import type { Answer, PowerState } from '../../../../daemon/cluster/failover/signs.ts';
import type { NodeNote } from '../../../../daemon/cluster/gate.ts';
import type { NodeFacts, Taint } from '../../../../daemon/cluster/nodes.ts';
import type { ClaimFacts, PodFacts, World } from '../../../../daemon/cluster/workloads/facts.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import type { LifecycleEvent } from '../../../../daemon/lifecycle/event.ts';
import { transition } from '../../../../daemon/lifecycle/transition.ts';
import { createRests } from '../../../../daemon/rests.ts';
import type { Write } from '../../../../daemon/store/store.ts';
import { aDevice, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';
import { nodeFacts } from '../../../support/nodes.ts';

type RackWorld = {
  link: 'up' | 'down';
  isApiUp: boolean;
  isSynced: boolean;
  isDiskFull: boolean;
  powerWorks: boolean;
  /** Seconds that the API server takes for an answer. */
  readTakes: number;
  /** The same for each pod that is let go of. */
  deleteTakes: number;
  /** The kubelets’ own time. */
  second: number;
  version: string;
};

export type RackOptions = {
  readonly boards: number;
  /** Of rounds that end silent though the board is there, and of peers’ questions: 0 to 1. */
  readonly chance?: () => number;
  readonly loss?: number;
  readonly config?: FailoverDeskDeps['config'];
  readonly withPower?: boolean;
};

export function createRackDouble({
  boards: count,
  chance = () => 1,
  loss = 0,
  config = { mode: 'on', after: 4 },
  withPower = false,
}: RackOptions) {
  const clock = createClockDouble();
  const names = Array.from({ length: count }, (_, index) => `worker-kube${index + 1}`);
  const nodes = new Map<string, NodeFacts>(names.map((name) => [name, nodeFacts({ name, internalIp: '10.77.0.100' })]));
  const pods = new Map<string, PodFacts>();
  const claims = new Map<string, ClaimFacts>();
  const devices = new Map<string, Device>(
    names.map((name, index) => [
      name,
      {
        ...aDevice({ ...states.ready, quarantined: false }),
        name: must(parseHostname(name)),
        id: must(parseDeviceId(`d-${String(index).padStart(12, '0')}`)),
      },
    ]),
  );
  /** What is true, and nobody but the probes can see. */
  const cables = new Set(names);
  const power = new Map<string, PowerState>(names.map((name) => [name, 'on']));
  const settings = new Map<string, string>();
  const [events, notes, notices, back, deeds]: [string[], string[], string[], string[], string[]] = [
    [],
    [],
    [],
    [],
    [],
  ];
  const world: RackWorld = {
    ...{
      link: 'up',
      isApiUp: true,
      isSynced: true,
      isDiskFull: false,
      powerWorks: true,
      readTakes: 0,
      deleteTakes: 0,
      second: 0,
    },
    version: 'v1.34.2+k3s1',
  };
  const renewed = new Map<string, number>();
  const rounds = new Map<string, { readonly path: Answer; readonly rounds: number }>();
  /** The second in which the API server was last heard. */
  let heard = 0;

  const isOn = (name: string): boolean => cables.has(name) && power.get(name) === 'on';

  /** What goes on by itself: a round of the probes, kubelets, and what the watch on Nodes tells boards. */
  function pass(): void {
    world.second += 1;
    if (world.isApiUp) heard = world.second;
    for (const [index, name] of names.entries()) {
      const isHeard = isOn(name) && world.link === 'up' && chance() >= loss;
      const before = rounds.get(name);
      const path = isHeard ? 'alive' : before === undefined || before.path === 'unknown' ? 'unknown' : 'silent';
      rounds.set(name, { path, rounds: before?.path === path ? before.rounds + 1 : 1 });
      const isDue = (world.second + index * 3) % 10 === 0;
      if (isOn(name) && world.isApiUp && isDue) renewed.set(name, world.second);
      kubelet(name);
    }
    for (const device of [...devices.values()]) {
      const event = nodeEvent(device, { node: (name) => nodes.get(name), synced: () => true });
      if (event !== undefined) void dispatch(device.id, event).catch(() => undefined);
    }
  }

  /** Kubernetes takes 40 s, and its kubelet a moment. */
  function kubelet(name: string): void {
    const node = nodes.get(name);
    if (node === undefined) return;
    const age = world.second - (renewed.get(name) ?? world.second);
    if (isOn(name) && !node.ready) nodes.set(name, { ...node, ready: true });
    if (!isOn(name) && age > 40) nodes.set(name, { ...node, ready: false });
    for (const [key, pod] of pods) if (pod.node === name && pod.terminating && isOn(name)) pods.delete(key);
  }

  async function dispatch(id: Device['id'], event: LifecycleEvent) {
    const device = [...devices.values()].find((one) => one.id === id);
    if (device === undefined) return problem('DEVICE_GONE', id);
    const next = transition(device, event, clock.now());
    if (world.isDiskFull && next.outcome !== 'nothing') throw new Error('STORE_FULL');
    if (next.outcome === 'moved') events.push(`${device.name} ${event.event}: ${next.device.state.name}`);
    devices.set(device.name, next.device);
    return ok(next);
  }

  const done = (deed: string): Ok<undefined> => {
    deeds.push(deed);
    return ok(undefined);
  };
  const change = (name: string, taints: (before: readonly Taint[]) => readonly Taint[]): void => {
    const node = nodes.get(name);
    if (node !== undefined) nodes.set(name, { ...node, taints: taints(node.taints) });
  };
  const away = () => problem('API_UNREACHABLE' as const, 'connection refused');
  const gate: FailoverDeskDeps['gate'] = {
    putTaint: async ({ name }, taint) => {
      if (!world.isApiUp) return away();
      change(name, (before) => [...before, taint]);
      // The taint manager's part: it deletes what it may, and a dead kubelet never says that it is gone.
      for (const [key, pod] of pods) if (pod.node === name) pods.set(key, { ...pod, terminating: true });
      return done(`taint ${name} ${taint.key}`);
    },
    removeTaint: async ({ name }, { key }) => {
      if (!world.isApiUp) return away();
      change(name, (before) => before.filter((one) => one.key !== key));
      return done(`untaint ${name} ${key}`);
    },
    markUnknown: async ({ name }) => {
      const node = nodes.get(name);
      if (node !== undefined) nodes.set(name, { ...node, ready: false });
      return done(`unknown ${name}`);
    },
    forceDelete: async ({ name, uid }, signal) => {
      if (world.deleteTakes > 0) await clock.sleep(seconds(world.deleteTakes), signal).catch(() => undefined);
      if (pods.get(name)?.uid === uid) pods.delete(name);
      return done(`delete ${name}`);
    },
    note: async ({ name }, { reason, message }: NodeNote) => void notes.push(`${name} ${reason}: ${message}`),
  };
  const observed = (): World => ({
    nodes: [...nodes.values()],
    ...{ pods, owners: new Map(), budgets: [], claims },
  });

  /** One life of the daemon. */
  function start() {
    const stop = new AbortController();
    const log = createLogDouble();
    const rests = createRests(clock, seconds(1));
    const commit = async (batch: readonly Write[]): Promise<number> => {
      if (world.isDiskFull) throw new Error('STORE_FULL');
      for (const one of batch) {
        if (one.write === 'put-setting') settings.set(one.key, one.value);
        if (one.write === 'delete-setting') settings.delete(one.key);
        if (one.write === 'append-notice') notices.push(`${one.name}: ${one.reason}`);
      }
      return 1;
    };
    // It sees Leases and answers for the first time.
    rounds.clear();
    const found = new Map(renewed);
    const onNotice = (): void => undefined;
    const age = (): Millis | undefined => (world.isSynced ? millis((world.second - heard) * 1000) : undefined);
    const pause = createPause({ name: 'failover', settings, commit, onNotice, clock, rests });
    const powerNow = (name: string): PowerState => (withPower ? (power.get(name) ?? 'unknown') : 'unknown');
    const desk = createFailoverDesk({
      config,
      cluster: {
        readNode: async (name, signal) => {
          if (world.readTakes > 0) await clock.sleep(seconds(world.readTakes), signal).catch(() => undefined);
          return world.isApiUp ? ok(nodes.get(name)) : away();
        },
        reachable: async () => (world.isApiUp ? ok(world.version) : away()),
      },
      observed: {
        ...{ world: observed, age },
        lease: (name) => {
          const last = renewed.get(name);
          if (last === undefined) return undefined;
          return { age: millis((world.second - last) * 1000), renewals: found.get(name) === last ? 0 : 1 };
        },
      },
      gate,
      probes: {
        evidence: (name) => rounds.get(name) ?? { path: 'unknown', rounds: 0 },
        ownLink: () => world.link,
        peer: async (name, peers, signal) => {
          await clock.sleep(millis(isOn(name) ? 50 : 1200), signal).catch(() => undefined);
          if (peers.length === 0 || world.link === 'down') return 'unknown';
          return isOn(name) && chance() >= loss ? 'alive' : 'silent';
        },
        power: async (name) => powerNow(name),
      },
      switchPower: withPower
        ? async (name, to) => {
            deeds.push(`power ${to} ${name}`);
            if (world.powerWorks) power.set(name, to);
            return world.powerWorks ? ok(undefined) : problem('POWER_COMMAND_FAILED', 'no answer');
          }
        : undefined,
      boards: () => [...devices.values()],
      dispatch,
      settings,
      commit,
      onNotice,
      onBack: (name) => void back.push(name),
      pause,
      clock,
      log,
    });
    const owner = failoverOwner({
      ...{ config, desk, pause },
      boardNamed: (name) => devices.get(name),
      unknown: () => whyUnknown({ age, trouble: () => undefined }),
      signal: () => stop.signal,
    });
    const following = Promise.all([desk.follow(stop.signal), rests.follow(stop.signal)]);
    const kill = async (): Promise<void> => {
      stop.abort();
      await following;
    };
    return { desk, owner, pause, log, kill };
  }

  /** Lets time go by, and the rack go on. `look`: at each second. */
  async function run(duration: Millis, look: () => void = () => undefined): Promise<void> {
    for (let passed = 0; passed < duration; passed += 1000) {
      pass();
      await clock.advance(seconds(1));
      look();
    }
  }
  const fenced = (): readonly string[] =>
    [...nodes.values()]
      .filter(({ taints }) => taints.some(({ key }) => key === 'bramble.dev/unreachable'))
      .map(({ name }) => name);
  const stateOf = (name: string): string => devices.get(name)?.state.name ?? '';

  return {
    ...{
      clock,
      names,
      nodes,
      pods,
      claims,
      devices,
      cables,
      power,
      settings,
      world,
      events,
      notes,
      notices,
      back,
      deeds,
    },
    start,
    run,
    fenced,
    stateOf,
    isOn,
  };
}

export type RackDouble = ReturnType<typeof createRackDouble>;
