/** What the installer is told to do, and the text that the daemon's proof of it is made over. Pure. */
import type { Mac, Millis } from '../../config/values.ts';

/** What a board is to do now. `message` is for a person in front of its screen. */
export type BootInstruction = {
  readonly state: string;
  readonly message: string;
  /** Let the board's activity light blink for so long, beside everything else. */
  readonly blink?: Millis;
} & (
  | {
      /** Ask again after `retry`; with `nonce`, at once and with the proof for it. */
      readonly action: 'wait';
      readonly retry: Millis;
      readonly nonce?: string;
    }
  | {
      /** Write `base` to `disk`, then the sectors of `arming`. */
      readonly action: 'install';
      readonly arming: string;
      readonly disk: string;
      /** The stream as `openBase(sha256)` serves it: `bytes` long, its held sectors zeroed. */
      readonly base: { readonly sha256: string; readonly bytes: number };
      /** SHA-256 of the index's text, which has that of the sectors in it. */
      readonly sectorsSha256: string;
    }
  /** Restart, from `disk`; empty if nobody knows which. */
  | { readonly action: 'boot'; readonly disk: string }
  /** Clear all of `disk`. */
  | { readonly action: 'wipe'; readonly arming: string; readonly disk: string }
  /** Leave everything as it is and ask no more. */
  | { readonly action: 'stop' }
);

export type Fields = Readonly<Record<string, string>>;

/** As `key=value`; the proof comes beside them. */
export function orderFields(order: BootInstruction): Fields {
  const { action, state, message, blink } = order;
  const common = { action, state, message, ...(blink !== undefined && { blink: wholeSeconds(blink) }) };
  switch (order.action) {
    case 'wait':
      return { ...common, retry: wholeSeconds(order.retry), ...(order.nonce && { nonce: order.nonce }) };
    case 'install':
      return {
        ...common,
        arming: order.arming,
        disk: order.disk,
        base: `/v1/boot/base/${order.base.sha256}`,
        'base-bytes': String(order.base.bytes),
        'base-sha256': order.base.sha256,
        sectors: `/v1/boot/sectors/${order.arming}`,
        'sectors-sha256': order.sectorsSha256,
      };
    case 'boot':
      return { ...common, disk: order.disk };
    case 'wipe':
      return { ...common, arming: order.arming, disk: order.disk };
    case 'stop':
      return common;
  }
}

/** All that the installer acts on; what a kind of order has not stays empty. */
export function orderText(challenge: string, mac: Mac, order: BootInstruction): `daemon|${string}` {
  const of = orderFields(order);
  const told = ['arming', 'disk', 'base-sha256', 'base-bytes', 'sectors-sha256'].map((name) => of[name] ?? '');
  return `daemon|${[challenge, mac, order.action, ...told].join('|')}`;
}

const wholeSeconds = (duration: Millis): string => String(Math.ceil(duration / 1000));
