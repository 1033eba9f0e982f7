/** Texts of bramble.yaml that become values: the parsers' own words are the errors. */
import { z } from 'zod';
import type { Problem, Result } from '../result.ts';
import { type AddressRange, type Ipv4, parseAddressRange, parseIpv4, parseSubnet, type Subnet } from '../values.ts';

/** A string in the file, a branded value in the program; the parser's own words are the error. */
export const parsedBy = <T>(parse: (text: string) => Result<T, Problem<'INVALID_VALUE'>>) =>
  z.string().transform((text, context): T => {
    const result = parse(text);
    if (result.ok) return result.value;
    context.addIssue({ code: 'custom', message: result.error.detail });
    return z.NEVER;
  });

export const ipv4 = parsedBy<Ipv4>(parseIpv4);
export const range = parsedBy<AddressRange>(parseAddressRange);
export const subnet = parsedBy<Subnet>(parseSubnet);
export const interfaceName = z
  .string()
  .regex(/^(auto|[A-Za-z0-9._-]{1,15})$/, '`auto` or the name of a network interface, such as eth0');
