import type { Command } from 'commander';
import { addImageCards, type CardDeps } from './image-cards.ts';
import { addImageFlash } from './image-flash.ts';
import { addImageRender } from './image-render.ts';

/** The `image` commands. */
export function addImage(parent: Command, deps: CardDeps): void {
  const image = parent
    .command('image')
    .description('images: what goes into them, finished ones for cards, the join card');
  addImageCards(image, deps);
  addImageFlash(image, deps);
  addImageRender(image, deps);
}
