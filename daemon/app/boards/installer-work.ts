/** What an installer asks for and tells of the one piece of work that its arming stands for. */
import { isInstalled } from '../../boot/offer.ts';
import type { Timelines } from '../../boot/timeline.ts';
import type { BootDeps, Progress, SectorsPayload } from '../../http/endpoints/boot.ts';
import type { HttpClient } from '../../http/router.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock } from '../../ports.ts';
import type { BootClients } from './boot-clients.ts';
import type { BoardImages } from './instructions.ts';

export type InstallerWorkDeps = {
  readonly runner: Pick<Runner, 'dispatch'>;
  readonly clients: Pick<BootClients, 'armed' | 'boardOf'>;
  readonly timelines: Timelines;
  readonly clock: Pick<Clock, 'now'>;
  readonly images: BoardImages;
  readonly onProgress: (device: Device, bytes: number) => Promise<void>;
};

export type InstallerWork = Pick<BootDeps, 'sectors' | 'progress' | 'installed' | 'failed' | 'wiped'>;

export function installerWork(deps: InstallerWorkDeps): InstallerWork {
  const { runner, clients, timelines, clock, images } = deps;

  async function sectors(arming: string, client: HttpClient): Promise<SectorsPayload | undefined> {
    const device = await clients.armed(arming, client);
    return device && images.sectorsOf(device);
  }

  async function progress(arming: string, { written, verified }: Progress, client: HttpClient): Promise<boolean> {
    const device = await clients.armed(arming, client);
    if (device === undefined) return false;
    timelines.mark(device.id, clock.now(), verified === 0 ? 'writes its image' : 'reads its image back');
    // Reading back takes about as long as writing.
    await deps.onProgress(device, (written + verified) / 2);
    return true;
  }

  async function installed(arming: string, sha256: string, client: HttpClient): Promise<boolean> {
    const device = await clients.armed(arming, client);
    if (device === undefined) {
      // It says so again because our first answer was lost.
      const told = await clients.boardOf(client);
      return told !== undefined && isInstalled(told);
    }
    const base = await images.baseOf(device);
    const code = 'BASE_DIFFERS';
    const detail = 'what was read back from the disk is not the base image that was served';
    // One that was removed before we were started again is not there to be compared with: the installer did that itself.
    const differs = base !== undefined && base.sha256 !== sha256;
    await runner.dispatch(device.id, differs ? { event: 'install-failed', code, detail } : { event: 'installed' });
    return !differs;
  }

  async function failed(arming: string, code: string, detail: string, client: HttpClient): Promise<boolean> {
    const device = await clients.armed(arming, client);
    if (device === undefined) return false;
    await runner.dispatch(device.id, { event: 'install-failed', code, detail });
    return true;
  }

  async function wiped(arming: string, how: string, client: HttpClient): Promise<boolean> {
    const device = await clients.armed(arming, client);
    if (device === undefined) {
      // It says so again because our first answer was lost.
      const told = (await clients.boardOf(client))?.state;
      return told?.name === 'wiping' && told.start.step === 'done' && told.arming === arming;
    }
    timelines.mark(device.id, clock.now(), `its disk is wiped: ${how}`);
    await runner.dispatch(device.id, { event: 'wiped' });
    return true;
  }

  return { sectors, progress, installed, failed, wiped };
}
