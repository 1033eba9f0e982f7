import type { Migration } from '../migrate.ts';

/** The disk that a board's system is on, which its state forgets once that is installed. */
export const disk: Migration = {
  version: 4,
  up: (database) => database.exec('ALTER TABLE devices ADD COLUMN disk TEXT CHECK (json_valid(disk))'),
};
