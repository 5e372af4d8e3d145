import { cifar10Reader } from './cifar10.ts';
import type { DatasetReader } from './reader.ts';

/** Every form of data set that can be imported; the first that recognises a folder reads it. */
export const readers: readonly DatasetReader[] = [cifar10Reader];
