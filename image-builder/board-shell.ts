/** Pieces of POSIX shell that boards run at their first boot, whatever starts it. Pure. */

/** POSIX.1-2017 XCU 2.2.2: inside single quotes everything is literal, except the single quote itself. */
export const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * Every password in a published image is printed in its manual (HypriotOS: `pirate`, Ubuntu: `ubuntu`) and goes, those of
 * root and of accounts we have never heard of as well. `*` fits no password, and other than `!` it does not lock the account:
 * an sshd without PAM would refuse the key of a locked one, too.
 */
export const removePasswords = [
  'if [ -f /etc/shadow ]; then',
  // Keeps owner and permissions; renamed over it, so that a power cut leaves the one or the other.
  'cp -p /etc/shadow /etc/shadow.bramble',
  `sed -e 's/^\\([^:]*\\):[^:*!][^:]*:/\\1:*:/' -e 's/^\\([^:]*\\)::/\\1:*:/' /etc/shadow > /etc/shadow.bramble`,
  'sync',
  'mv /etc/shadow.bramble /etc/shadow',
  'fi',
].join('\n');

/** Where k3s looks for images when it starts: archives, and lists of names to pull. */
const K3S_IMAGES = '/var/lib/rancher/k3s/agent/images';

/** The kubelet's images are in a namespace of their own. */
const CTR = 'ctr -n k8s.io images';

/**
 * Makes a container image ready before the first pod wants it, by what the board runs: docker, containerd, or k3s, which
 * is installed only when the board joins and takes it up then. An archive is a path on the board.
 */
export function preload(image: string): string {
  const word = quoted(image);
  const later = image.startsWith('/') ? `ln -sf ${word} ${K3S_IMAGES}/` : `echo ${word} >> ${K3S_IMAGES}/bramble.txt`;
  const imported = image.endsWith('.gz') ? `gzip -dc ${word} | ${CTR} import -` : `${CTR} import ${word}`;
  const [docker, containerd] = image.startsWith('/')
    ? [`docker load -i ${word}`, imported]
    : [`docker pull ${word}`, `${CTR} pull ${word}`];
  return [
    `if command -v docker > /dev/null; then ${docker}`,
    `elif command -v ctr > /dev/null; then ${containerd}`,
    `else mkdir -p ${K3S_IMAGES} && ${later}; fi`,
  ].join('\n');
}
