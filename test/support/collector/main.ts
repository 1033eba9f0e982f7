/** For `node --expose-gc --import`: at SIGUSR2 everything that is free is collected, so that what is in use is all there is. */
process.on('SIGUSR2', () => globalThis.gc?.());
