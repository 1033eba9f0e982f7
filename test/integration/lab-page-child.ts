/** Inside a network namespace: `FOLDER serve UID ADDRESS` or `FOLDER end UID`. */
import { pageServersIn } from '../lab/kubeadm-stand-in/page-server.ts';

const [folder = '', verb = '', uid = '', address = ''] = process.argv.slice(2);
const servers = pageServersIn(folder, 'worker-kube1');
if (verb === 'serve') {
  await servers.serve({ metadata: { name: 'mijn-httpd-1', uid }, spec: { containers: [] } }, address);
} else if (verb === 'end') await servers.end(uid);
else await servers.endOthers(new Set([uid]));
