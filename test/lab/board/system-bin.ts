/** The few programs of a board's system that a namespace has to stand in for. All else in it is Debian's. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const binDirectory = '/run/board/bin';
export const sshdPidFile = '/run/sshd.pid';
const boardPidFile = '/run/board/pid';

const script = (body: string): string => `#!/bin/sh\n${body}\n`;
const reboot = `kill -USR1 "$(cat ${boardPidFile})"`;
const poweroff = `kill -USR2 "$(cat ${boardPidFile})"`;
const kubeletPidFile = '/run/kubelet-stand-in.pid';

/** There is no init system: units that are enabled or started are taken as done, sshd is told to read its keys again. */
const systemctl = `case " $* " in
  *" reboot "*) ${reboot} ;;
  *" poweroff "*) ${poweroff} ;;
  *" is-active "*|*" is-enabled "*|*" status "*) exit 0 ;;
  *" reload ssh"*|*" restart ssh"*|*" try-restart ssh"*|*" reload-or-restart ssh"*) [ ! -f ${sshdPidFile} ] || kill -HUP "$(cat ${sshdPidFile})" ;;
  *" stop kubelet"*) [ ! -f ${kubeletPidFile} ] || kill "$(cat ${kubeletPidFile})" ;;
  *" start kubelet"*|*" restart kubelet"*|*" --now kubelet"*) [ ! -f /var/lib/kubelet/pki/kubelet-client-current.pem ] || kubelet --background ;;
esac
exit 0`;

/** `kubeadm` and `kubelet` come from the lab's stand-in. */
export async function installPrograms(repository: string): Promise<void> {
  await mkdir(binDirectory, { recursive: true });
  await writeFile(boardPidFile, `${process.pid}\n`);
  const standIn = `exec ${process.execPath} ${join(repository, 'test/lab/kubeadm-stand-in/main.ts')}`;
  const programs = {
    kubeadm: `export KUBELET_STAND_IN_PAGES=yes\n${standIn} "$@"`,
    kubelet: `export KUBELET_STAND_IN_PAGES=yes\n${standIn} kubelet "$@"`,
    systemctl,
    reboot,
    poweroff,
  };
  for (const [name, body] of Object.entries(programs)) {
    await writeFile(join(binDirectory, name), script(body));
    await chmod(join(binDirectory, name), 0o755);
  }
}
