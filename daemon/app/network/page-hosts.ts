import { masterName } from './names-service.ts';

/**
 * What the server at `address` is called in a Host header: the name that is published, the one that a router may have for this
 * machine, the address. No other name leads to the page's deeds, whoever has it resolve to us.
 */
export const pageHosts = (address: string, port: number): readonly string[] => {
  const name = masterName();
  return [`${name}.local`, address, name].map((host) => (port === 80 ? host : `${host}:${port}`));
};
