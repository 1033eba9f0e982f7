/** All migrations, in their order. One that was ever released is never changed. */
import type { Migration } from '../migrate.ts';
import { first } from './0001-first.ts';
import { guests } from './0002-guests.ts';
import { heardAddresses } from './0003-heard-addresses.ts';
import { disk } from './0004-disk.ts';
import { notices } from './0005-notices.ts';

export const migrations: readonly Migration[] = [first, guests, heardAddresses, disk, notices];
