import { cloneJson } from '#shared/canonicalJson.ts';
import type { LabClient, LabEvents, MethodInput, MethodName, MethodOutput } from '#shared/contract.ts';
import { LabError, type LabErrorData } from '#shared/errors.ts';
import type { ShellBridge } from '#shared/shellContract.ts';
import type { EventMessage } from '#shared/transport/eventMessage.ts';
import type { Host } from '../data/host.ts';

type BridgeAnswer = { ok: true; value: unknown } | { ok: false; error: LabErrorData };

async function ask(bridge: ShellBridge, name: string, input: unknown): Promise<unknown> {
  const answer = (await bridge.invoke(name, input)) as BridgeAnswer;
  if (!answer.ok) throw LabError.from(answer.error);
  return answer.value;
}

/** The lab behind the window's own process, over Electron's IPC. */
export function createDesktopClient(bridge: ShellBridge): LabClient {
  return {
    async invoke<Name extends MethodName>(name: Name, input: MethodInput<Name>) {
      // Vue's proxies cannot be sent to another process; a copy can.
      return (await ask(bridge, name, cloneJson<unknown>(input))) as MethodOutput<Name>;
    },
    subscribe<Name extends keyof LabEvents>(name: Name, listener: (payload: LabEvents[Name]) => void) {
      return bridge.subscribe((message) => {
        const event = message as EventMessage;
        if (event.name === name) listener(event.payload as LabEvents[Name]);
      });
    },
    // The lab lives in this window's own application: it is there as long as the window is.
    onConnection(listener) {
      listener(true);
      return () => undefined;
    },
  };
}

/** What the window can do that a page cannot: dialogs, and the paths of dropped files. */
export function createDesktopHost(bridge: ShellBridge): Host {
  return {
    kind: 'desktop',
    async saveFile(suggestedName, content) {
      const bytes = new Uint8Array(await content.arrayBuffer());
      return (await ask(bridge, 'shell.saveFile', { suggestedName, bytes })) as string | null;
    },
    chooseDataset: async (kind) => (await ask(bridge, 'shell.chooseDataset', { kind })) as string | null,
    chooseArchive: async () => (await ask(bridge, 'shell.chooseArchive', {})) as string | null,
    receiveFiles: (files) =>
      new Promise((resolve) => {
        resolve(droppedPath(files.map((file) => bridge.pathForFile(file))));
      }),
  };
}

/** The one path that was dropped, or the folder of several files: they were dragged out of one. */
function droppedPath(paths: readonly string[]): string {
  const [first] = paths;
  if (first === undefined || first === '') {
    throw new LabError('invalidArgument', 'What was dropped is no file.', 'Drop an archive, a folder or its files.');
  }
  if (paths.length === 1) return first;
  const folders = new Set(paths.map((path) => path.replace(/[\\/][^\\/]*$/, '')));
  const [folder] = folders;
  if (folder === undefined || folders.size !== 1) {
    throw new LabError(
      'invalidArgument',
      'The files that were dropped are in different folders.',
      'Put them into one folder and drop that.',
    );
  }
  return folder;
}
