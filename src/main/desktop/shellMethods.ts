import { dialog, type BrowserWindow } from 'electron';
import { writeFileAtomically } from '#files/atomicWrite.ts';
import { LabError } from '#shared/errors.ts';
import { shellContract, type ShellMethodInput, type ShellMethodName } from '#shared/shellContract.ts';

type ShellHandlers = {
  [Name in ShellMethodName]: (window: BrowserWindow, input: ShellMethodInput<Name>) => Promise<string | null>;
};

const handlers: ShellHandlers = {
  async 'shell.chooseDataset'(window, { kind }) {
    const result = await dialog.showOpenDialog(window, {
      title: 'Import a data set',
      properties: [kind === 'folder' ? 'openDirectory' : 'openFile'],
    });
    return result.canceled ? null : (result.filePaths[0] ?? null);
  },
  async 'shell.chooseArchive'(window) {
    const result = await dialog.showOpenDialog(window, {
      title: 'Choose an archive',
      properties: ['openFile'],
      filters: [
        { name: 'Archives of NormLab', extensions: ['tar'] },
        { name: 'All files', extensions: ['*'] },
      ],
    });
    return result.canceled ? null : (result.filePaths[0] ?? null);
  },
  async 'shell.saveFile'(window, { suggestedName, bytes }) {
    const result = await dialog.showSaveDialog(window, { defaultPath: suggestedName });
    if (result.canceled || !result.filePath) return null;
    await writeFileAtomically(result.filePath, bytes);
    return result.filePath;
  },
};

export function isShellMethod(name: string): name is ShellMethodName {
  return Object.hasOwn(shellContract, name);
}

/** @throws LabError `invalidArgument` where the input does not fit; whatever saving fails with. */
export async function runShellMethod(name: ShellMethodName, window: BrowserWindow, input: unknown): Promise<unknown> {
  const parsed = shellContract[name].input.safeParse(input);
  if (!parsed.success) {
    throw new LabError('invalidArgument', `${name}: ${parsed.error.message}`, 'This is a fault of NormLab; report it.');
  }
  // The name fixes the type of the input, which TypeScript cannot follow through the lookup.
  const handler = handlers[name] as (window: BrowserWindow, input: unknown) => Promise<string | null>;
  return handler(window, parsed.data);
}
