/** Where kubeadm and the kubelet keep their files. A root other than `/` is for tests on one machine. */
import { join } from 'node:path';

export type Layout = ReturnType<typeof layoutAt>;

export function layoutAt(root: string) {
  const at = (path: string): string => join(root, path);
  return {
    at,
    kubeletConf: at('/etc/kubernetes/kubelet.conf'),
    bootstrapKubeletConf: at('/etc/kubernetes/bootstrap-kubelet.conf'),
    caCert: at('/etc/kubernetes/pki/ca.crt'),
    manifests: at('/etc/kubernetes/manifests'),
    kubeletConfig: at('/var/lib/kubelet/config.yaml'),
    kubeletFlags: at('/var/lib/kubelet/kubeadm-flags.env'),
    kubeletPki: at('/var/lib/kubelet/pki'),
    /** Until there is a certificate for it. */
    pendingKey: at('/var/lib/kubelet/pki/kubelet-client.key.tmp'),
    currentCertificate: at('/var/lib/kubelet/pki/kubelet-client-current.pem'),
    pidFile: at('/run/kubelet-stand-in.pid'),
    /** On a tmpfs: a new one per boot. */
    bootId: at('/run/kubelet-stand-in.boot-id'),
    /** What runs of them. */
    pods: at('/run/kubelet-stand-in.pods'),
    machineId: at('/etc/machine-id'),
    kubeletLog: at('/var/log/kubelet-stand-in.log'),
  };
}

/** In kubelet.conf, as the real kubelet writes it: without the root. */
export const certificateInConf = '/var/lib/kubelet/pki/kubelet-client-current.pem';
