// Unit and integration tests run side by side, each file in a process of its own; the lab and the long scenarios have
// their own entries (`npm test` runs the lab test after these, `npm run e2e` the scenarios).
export default {
  extensions: ['ts'],
  files: ['test/unit/**/*.test.ts', 'test/integration/**/*.test.ts'],
  failWithoutAssertions: true,
  timeout: '120s',
  // The tests share two cores with real servers and clients.
  concurrency: 2,
  // Written as root, it would be in the way of the next run without.
  cache: false,
  workerThreads: false,
};
