/** As it stands on a card's wrapping: powers of ten. `7.9 GB`, `64 GB`, `512 MB`. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const number = bytes / 1000 ** power;
  return `${power === 0 || number >= 100 ? Math.floor(number) : Math.floor(number * 10) / 10} ${units[power]}`;
}
