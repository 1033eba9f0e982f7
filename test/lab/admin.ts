/** The lab's own hand in its cluster, from outside its network: what a person does with kubectl. */
import { type ApiClient, ApiError, connect } from './control-plane/api-client.ts';
import type { Lab } from './lab.ts';
import { openWindow } from './window.ts';

export type Admin = Pick<ApiClient, 'call' | 'watch'> & {
  /** POST, where one of this name may be there already. */
  readonly create: (path: string, body: unknown) => Promise<void>;
};

/** Until the signal is aborted. Each watch has a connection to itself. */
export async function openAdmin(lab: Pick<Lab, 'controlPlane' | 'master'>, signal: AbortSignal): Promise<Admin> {
  const { server, caPem, adminToken } = lab.controlPlane;
  const { hostname, port } = new URL(server);
  const window = new URL(await openWindow(lab.master.netns, { address: hostname, port: Number(port) }, signal));
  // The certificate is good for that address, too.
  const client = (): ApiClient => connect({ server: `https://${window.host}`, caPem, token: adminToken });
  const { call } = client();
  return {
    call,
    watch: (...args) => client().watch(...args),
    create: async (path, body) => {
      await call('POST', path, { body }).catch((error: unknown) => {
        if (!(error instanceof ApiError && error.status === 409)) throw error;
      });
    },
  };
}
