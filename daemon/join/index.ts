/** How boards join the cluster: what others may see of it. */
export type { Driver, JoinBoard, LeavingBoard, SshSession } from './driver.ts';
export { type FirstLogin, firstLogin } from './first-login.ts';
export type { OwnKeys } from './host-key.ts';
export { createJoiner, type Joiner } from './joiner.ts';
export { k3sDriver } from './k3s.ts';
export type { K3sFiles } from './k3s-files.ts';
export { caHash } from './k3s-token.ts';
export { fingerprint, generateSshKeyPair, type SshKeyPair } from './keys.ts';
export { kubeConfigDriver } from './kube-config.ts';
export { caCertHashes, kubeadmDriver } from './kubeadm.ts';
export { readCertificateRequest } from './pkcs10.ts';
export type { PeerSession, Reached } from './ssh-reach.ts';
