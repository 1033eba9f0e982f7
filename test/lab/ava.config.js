// The lab: real daemon, real control plane, virtual Pis. One at a time: each test wants the machine for itself.
export default {
  extensions: ['ts'],
  files: ['test/lab/**/*.test.ts'],
  failWithoutAssertions: true,
  serial: true,
  concurrency: 1,
  timeout: '10m',
  // Written as root, it would be in the way of the next run without.
  cache: false,
  workerThreads: false,
};
