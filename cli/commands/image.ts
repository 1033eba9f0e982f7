import type { Command } from 'commander';
import { addImageAdd } from './image-add.ts';
import { addImageBases } from './image-bases.ts';
import { addImageCards, type CardDeps } from './image-cards.ts';
import { addImageFlash } from './image-flash.ts';
import { addImageRender } from './image-render.ts';

/** The `image` commands. */
export function addImage(parent: Command, deps: CardDeps): void {
  const image = parent
    .command('image')
    .description('operating system images that boards are made of, finished ones for cards, the join card');
  addImageAdd(image, deps);
  addImageBases(image, deps);
  addImageCards(image, deps);
  addImageFlash(image, deps);
  addImageRender(image, deps);
}
