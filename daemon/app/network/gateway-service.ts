/** Behind the master: sees to it that this machine is the boards' way out and clock. What needs root, root's program does. */
import { readFile } from 'node:fs/promises';
import type { Problem, Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { type Millis, millis, minutes, seconds } from '../../../config/values.ts';
import {
  type GatewaySite,
  type GatewayStanding,
  gatewayAdvice,
  gatewayWish,
  isStranded,
  parseGatewayAnswer,
  strandedAdvice,
  wishLine,
} from '../../gateway/wish.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Store } from '../../store/store.ts';

export type GatewayDeps = {
  readonly config: Pick<Config, 'topology'>;
  /** Where the daemon stands, once that is known. */
  readonly site: () => GatewaySite | undefined;
  /** Takes `bramble-gateway` a line and brings its answer; undefined where nobody listens, as without our units. */
  readonly ask: ((line: string, signal: AbortSignal) => Promise<Result<string, Problem>>) | undefined;
  /** As on disk. */
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  readonly isForwarding?: () => Promise<boolean | undefined>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
};

export type Gateway = {
  /** Settles when the signal is aborted. What was set up stays: boards keep their way out while the daemon restarts. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
  /** For the status, if it is not as it should be. */
  readonly advice: () => string | undefined;
};

/** The interface that led out last. */
export const uplinkSetting = 'gateway.uplink';

const TURN: Millis = seconds(3);
/** `nft flush ruleset`, which a restart of nftables.service does, takes our table along, and only root can see that. */
const AGAIN: Millis = minutes(5);
const RETRY: Millis = seconds(30);

export function createGateway(deps: GatewayDeps): Gateway {
  const { config, ask, clock, isForwarding = readForwarding } = deps;
  const log = deps.log.child({ service: 'gateway' });
  let standing: GatewayStanding = { name: 'unasked' };
  let asked: string | undefined;
  let rested: Millis = millis(0);
  let forwards: boolean | undefined;
  /** While it is away its rules stay, also over a restart: on the day it is back nobody gets in before them. */
  let lastUplink = deps.settings.get(uplinkSetting);
  let written = lastUplink;

  /** Undefined while nobody knows where the boards are. */
  const wish = () => {
    if (config.topology !== 'behind-master') return { name: 'nothing' } as const;
    const site = deps.site();
    lastUplink = site?.uplink ?? lastUplink;
    // The boards may be where it led out before.
    return site && gatewayWish({ ...site, uplink: lastUplink === site.interface ? undefined : lastUplink });
  };

  /** What cannot be written is tried again the next turn; the rules do not wait for it. */
  async function remember(): Promise<void> {
    const uplink = lastUplink;
    if (uplink === undefined || uplink === written) return;
    try {
      await deps.commit([{ write: 'put-setting', key: uplinkSetting, value: uplink }]);
      written = uplink;
    } catch (cause) {
      log.debug('the uplink is not written down', { cause });
    }
  }

  async function carryOut(line: string, signal: AbortSignal): Promise<void> {
    if (ask === undefined) return;
    const answer = await ask(line, signal);
    if (signal.aborted) return;
    const result = answer.ok ? parseGatewayAnswer(answer.value) : answer;
    const before = standing;
    standing = result.ok ? { name: 'done', ...result.value } : { name: 'failed', reason: result.error.detail };
    // Once a change, not once a try: this may go on for days.
    if (line !== asked || before.name !== standing.name) log.info('asked bramble-gateway', { line, standing });
    asked = line;
    rested = millis(0);
  }

  async function turn(signal: AbortSignal): Promise<void> {
    const wished = wish();
    if (wished === undefined) return;
    forwards = await isForwarding();
    const line = wishLine(wished);
    const isSound = standing.name === 'done' && (wished.name !== 'way-out' || forwards !== false);
    const isDue = line !== asked || rested >= (isSound ? AGAIN : RETRY);
    // Once it is taken away it stays away; nobody but us has it in his rules.
    if (isDue && !(wished.name === 'nothing' && line === asked && isSound)) await carryOut(line, signal);
    await remember();
  }

  async function follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await turn(signal);
      await clock.sleep(TURN, signal).catch(() => undefined);
      rested = millis(rested + TURN);
    }
  }

  const advice = (): string | undefined => {
    const wished = wish();
    if (wished === undefined || wished.name === 'nothing') return undefined;
    const site = deps.site();
    const stranded = site !== undefined && isStranded(site) ? strandedAdvice : undefined;
    return gatewayAdvice(wished, standing, forwards) ?? stranded;
  };

  return { follow, advice };
}

/** In this process's own network namespace. */
async function readForwarding(): Promise<boolean | undefined> {
  const text = await readFile('/proc/sys/net/ipv4/ip_forward', 'latin1').catch(() => undefined);
  return text === undefined ? undefined : text.trim() === '1';
}
