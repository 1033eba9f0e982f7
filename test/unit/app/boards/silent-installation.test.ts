import test from 'ava';
import { must, ok, type Problem, problem, type Result } from '../../../../config/result.ts';
import { minutes, parseIpv4 } from '../../../../config/values.ts';
import { installationFinder } from '../../../../daemon/app/boards/silent-installation.ts';
import type { JoinBoard, SshSession } from '../../../../daemon/join/index.ts';
import { renderMark } from '../../../../image-builder/boot-partition.ts';
import { aDevice } from '../../../support/boards.ts';
import { createClockDouble } from '../../../support/doubles.ts';

const device = aDevice();
const board: JoinBoard = {
  ...{ id: device.id, name: device.name, address: must(parseIpv4('10.77.0.100')) },
  ...{ fixedAddress: true, hostKeys: [], nodePassword: 'ab'.repeat(16), serials: [], labels: {} },
};
const markOf = (arming: string): string => renderMark({ deviceId: device.id, clusterId: 'c1', arming });

for (const mark of ['now', 'and then'])
  test(`the system that answers is this installation (${mark}) only if its mark says so: an earlier one has the same host key`, async (t) => {
    const clock = createClockDouble();
    /** What the board (double) has on its boot partition; undefined while no sshd answers there. */
    let there: string | undefined;
    let asked = 0;
    const session: SshSession = {
      run: async () => ok({ code: 1, stdout: there ?? '', stderr: 'No such file or directory' }),
      putFile: async () => problem('SSH_CLOSED', 'nothing is put there'),
      putBytes: async () => problem('SSH_CLOSED', 'nothing is put there'),
    };
    const joiner = {
      awaitSsh: async (): Promise<Result<void, Problem<'SSH_REFUSED'>>> => {
        asked += 1;
        await clock.sleep(minutes(1), stop.signal);
        return there === undefined ? problem('SSH_REFUSED', 'the installer has no sshd') : ok(undefined);
      },
      onBoard: async (_: JoinBoard, __: AbortSignal, work: (one: SshSession) => Promise<Result<void, Problem>>) =>
        work(session),
    };
    const stop = new AbortController();
    let found = false;
    const finding = installationFinder({ joiner: joiner as never, clock })(
      board,
      ['now', 'and then'],
      stop.signal,
    ).then(() => {
      found = true;
    });
    await clock.advance(minutes(3));
    t.false(found);
    there = markOf('before');
    const before = asked;
    await clock.advance(minutes(10));
    t.false(found, 'the earlier system');
    t.true(asked > before && asked - before <= 6, `asked ${asked - before} times in ten minutes`);
    there = markOf(mark);
    await clock.advance(minutes(3));
    await finding;
    t.true(found);
  });
