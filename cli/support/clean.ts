/** What no bundle may have in it, whatever text it stands in. Pure. */
const patterns: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*(?:PRIVATE KEY|CERTIFICATE)-----[\s\S]*?(?:-----END [A-Z ]*-----|$)/g,
  // k3s: with the sum of its CA, and the short form behind `::`.
  /\bK10[0-9a-f]{64}(?:::[\w:.-]+)?/g,
  /(?:::server:|::node:|server:|node:)[0-9a-f]{32,}/g,
  // kubeadm and bootstrap.kubernetes.io/token.
  /(?<![a-z0-9.])[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9.])/g,
  /\beyJ[\w-]+\.[\w-]+\.[\w-]+/g,
  /(?<=:\/\/[^/\s:@]*:)[^/\s@]+(?=@)/g,
  /(?<=\b(?:password|passwd|token|secret|passphrase|authorization)["']?\s*[=:]\s*["']?(?:Bearer )?)[^\s"',}…«]+/gi,
];

/** `known`: secrets by their own text. */
export const cleaned = (text: string, known: readonly string[]): string =>
  patterns.reduce(
    (rest, pattern) => rest.replace(pattern, '«removed»'),
    known.filter((secret) => secret !== '').reduce((rest, secret) => rest.replaceAll(secret, '«removed»'), text),
  );
