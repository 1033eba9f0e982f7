/**
 * The article's listings 5, 7 and 11 as objects: `kubectl create deployment NAME --image=… --port=80 --replicas=N` and
 * `kubectl expose deployment NAME --port=90 --target-port=80 --external-ip=…`. Pure.
 */
export const pageName = 'mijn-httpd';
export const pagePort = 90;
const webPort = 80;

export const deployments = '/apis/apps/v1/namespaces/default/deployments';
export const services = '/api/v1/namespaces/default/services';

/** What the scheduler is told that it needs: a fortieth of a virtual Pi. */
const requests = { cpu: '100m', memory: '64Mi' };

export const deployment = (name: string, replicas: number): object => ({
  ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, labels: { app: name } } },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: {
        containers: [
          {
            ...{ name: 'rpi-busybox-httpd', image: 'hypriot/rpi-busybox-httpd', resources: { requests } },
            ports: [{ containerPort: webPort }],
          },
        ],
      },
    },
  },
});

export const service = (name: string, externalIp: string): object => ({
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, labels: { app: name } } },
  spec: {
    selector: { app: name },
    ports: [{ port: pagePort, targetPort: webPort }],
    externalIPs: [externalIp],
  },
});
