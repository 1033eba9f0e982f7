/** `bramble locate`: which boards are to blink, until their installers ask. */
import { type DeviceId, type Millis, seconds } from '../../../config/values.ts';
import type { Clock } from '../../ports.ts';

export type Blinks = {
  /** Its light is to blink: whether its installer asked in time, and was told so. */
  readonly locate: (id: DeviceId) => Promise<boolean>;
  /** Its installer asks: how long it is to blink, if it is. */
  readonly asked: (id: DeviceId) => Millis | undefined;
};

/** An installer that has nothing to write asks at least so often, whatever the load. */
const ASKS_WITHIN = seconds(8);
/** Long enough to walk to the shelf. */
const BLINK = seconds(60);

export function createBlinks(clock: Pick<Clock, 'sleep'>): Blinks {
  const toBlink = new Map<DeviceId, { readonly asked: AbortController; readonly told: Promise<boolean> }>();

  function locate(id: DeviceId): Promise<boolean> {
    const known = toBlink.get(id);
    if (known !== undefined) return known.told;
    const asked = new AbortController();
    const told = clock.sleep(ASKS_WITHIN, asked.signal).then(
      () => toBlink.delete(id) && false,
      () => true,
    );
    toBlink.set(id, { asked, told });
    return told;
  }

  function asked(id: DeviceId): Millis | undefined {
    const located = toBlink.get(id);
    toBlink.delete(id);
    located?.asked.abort();
    return located && BLINK;
  }

  return { locate, asked };
}
