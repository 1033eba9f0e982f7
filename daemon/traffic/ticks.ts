/** The time of the limits: how many rests of this length went by, whatever the wall clock says (`daemon/rests.ts` counts them). */
import { type Millis, millis } from '../../config/values.ts';

export const tickLength: Millis = millis(250);
export const ticksPerSecond = 1000 / tickLength;
