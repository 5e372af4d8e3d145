import { BrowserWindow, ipcMain, type IpcMainInvokeEvent } from 'electron';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { eventsChannel, invokeChannel } from './channels.ts';
import { isTrustedSender } from './security.ts';
import { isShellMethod, runShellMethod } from './shellMethods.ts';

/** What the shell needs of the lab: its dispatcher, its events, and how to end it. */
export interface DesktopLab {
  /** Never rejects: a value or an error, as data. */
  dispatch(name: string, input: unknown): Promise<BridgeAnswer>;
  subscribe(listener: (batch: unknown) => void): () => void;
  /** Runs that are training now. */
  activeRunCount(): number;
  /** Stops runs with a checkpoint each, then closes the lab. */
  close(): Promise<void>;
  readonly directory: string;
}

export type BridgeAnswer = { ok: true; value: unknown } | { ok: false; error: LabErrorData };

async function answer(
  lab: DesktopLab,
  event: IpcMainInvokeEvent,
  name: unknown,
  input: unknown,
): Promise<BridgeAnswer> {
  if (!isTrustedSender(event.senderFrame)) {
    throw new LabError('invalidArgument', 'A page that is not NormLab called it.', 'Close that page.');
  }
  if (typeof name !== 'string') {
    throw new LabError('invalidArgument', 'A call without a name came in.', 'This is a fault of NormLab; report it.');
  }
  const window = BrowserWindow.fromWebContents(event.sender);
  if (!isShellMethod(name) || !window) return lab.dispatch(name, input);
  return { ok: true, value: await runShellMethod(name, window, input) };
}

/** Joins the windows to the lab. Returns the function that parts them. */
export function connectBridge(lab: DesktopLab): () => void {
  ipcMain.handle(invokeChannel, async (event, name: unknown, input: unknown): Promise<BridgeAnswer> => {
    try {
      return await answer(lab, event, name, input);
    } catch (error) {
      // Electron would send an error's text only; code and hint travel as data.
      return { ok: false, error: toLabErrorData(error) };
    }
  });
  const unsubscribe = lab.subscribe((batch) => {
    for (const window of BrowserWindow.getAllWindows()) {
      if (!window.webContents.isDestroyed()) window.webContents.send(eventsChannel, batch);
    }
  });
  return () => {
    unsubscribe();
    ipcMain.removeHandler(invokeChannel);
  };
}
