/** Whether the system that shows a board's host key runs on the Pi that was decided about: a card goes into any other as well. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { parseSerial, type Serial, sameSerial } from '../../config/values.ts';
import type { JoinBoard, SshSession } from './driver.ts';

/** The device tree's ends with a NUL; kernels without one tell it in cpuinfo. */
const script = `tr -d '\\0' < /proc/device-tree/serial-number 2> /dev/null ||
sed -n 's/^Serial[[:space:]]*:[[:space:]]*//p' /proc/cpuinfo`;

/** `SERIAL_DIFFERS`. A machine without a serial number, such as a PC, claims nothing. */
export async function checkSerial(session: SshSession, board: JoinBoard): Promise<Result<void, Problem>> {
  if (board.serials.length === 0) return ok(undefined);
  const read = await session.run('sh', ['-c', script]);
  if (!read.ok) return read;
  const serial = readSerial(read.value.stdout);
  if (serial === undefined || board.serials.some((known) => sameSerial(known, serial))) return ok(undefined);
  return problem(
    'SERIAL_DIFFERS',
    `its system runs on the Pi with the serial number ${serial}, and ${board.name} is ${board.serials.join(' or ')}: its card or disk was moved. Put it back and retry; or bramble replace ${board.name} --with the other Pi, by its name`,
  );
}

/** What many machines that are no Pi say is 0. */
function readSerial(told: string): Serial | undefined {
  const serial = parseSerial(told.trim());
  return serial.ok && !/^0+$/.test(serial.value) ? serial.value : undefined;
}
