import { z } from 'zod';

/**
 * What a window can do that a browser page cannot: dialogs of the operating system. Answered by the
 * desktop shell itself, over the same channel as the lab's contract.
 */
export const shellContract = {
  /** Folder or archive to import, or null where the dialog was cancelled. */
  'shell.chooseDataset': { input: z.strictObject({ kind: z.enum(['folder', 'file']) }) },
  /** File of a backup or of exported runs, or null where the dialog was cancelled. */
  'shell.chooseArchive': { input: z.strictObject({}) },
  /** Saves bytes where the person says; answers with the path, or null where the dialog was cancelled. */
  'shell.saveFile': {
    input: z.strictObject({
      suggestedName: z.string().regex(/^[^/\\\0]{1,200}$/, 'must be a file name without folder'),
      bytes: z.instanceof(Uint8Array),
    }),
  },
} as const;

export type ShellMethodName = keyof typeof shellContract;
export type ShellMethodInput<Name extends ShellMethodName> = z.output<(typeof shellContract)[Name]['input']>;

/** What the preload script puts on `window`. */
export interface ShellBridge {
  invoke(name: string, input: unknown): Promise<unknown>;
  /** Returns the function that ends the subscription. */
  subscribe(listener: (batch: unknown) => void): () => void;
  /** Path of a file that was dropped on the window. */
  pathForFile(file: unknown): string;
}
