/** The files of a board's image for people. Pure. */
import type { ImageFilesView, ImageFileView } from '../../daemon/http/wire.ts';
import { harmless } from './terminal.ts';

export function imageFilesText({ device, base, format, made, notes, files }: ImageFilesView): string {
  const which = made
    ? 'the image that is being installed'
    : 'its next image, which draws a new arming and, if it has none yet, a host key';
  const head = `${device}: ${files.length} files beside the base ${base} (${format}); ${which}`;
  const told = [head, ...notes].map((line) => `${harmless(line)}\n`).join('');
  return `${told}${files.map(fileText).join('')}`;
}

/** As `head` shows several files; a line keeps its tabs. */
function fileText({ path, bytes, text }: ImageFileView): string {
  const lines = (text ?? `*** no text, ${bytes} bytes ***`).replace(/\n$/, '').split('\n');
  const shown = lines.map((line) => `${line.split('\t').map(harmless).join('\t')}\n`).join('');
  return `\n==> ${harmless(path)} (${bytes} bytes) <==\n${shown}`;
}
