import { app, BrowserWindow, dialog } from 'electron';
import { toLabErrorData } from '#shared/errors.ts';
import { showInTray } from './background.ts';
import type { DesktopLab } from './bridge.ts';

export interface ClosingOptions {
  lab: DesktopLab;
  /** Parts everything from the lab, before it is closed. */
  disconnect: () => void;
  show: () => void;
}

type Choice = 'background' | 'quit' | 'stay';

/**
 * Asks what becomes of runs that train when the window is closed or the application is quit: they go on without a
 * window, or are stopped with a checkpoint before the process ends.
 * @returns The function to be called when a window is there again.
 */
export function closeCleanly({ lab, disconnect, show }: ClosingOptions): () => void {
  let state: 'open' | 'asking' | 'background' | 'closing' = 'open';
  let leaveTray: (() => void) | null = null;

  const goOnInBackground = (): void => {
    state = 'background';
    leaveTray ??= showInTray(lab, { show, quit: () => app.quit() });
    for (const window of BrowserWindow.getAllWindows()) window.close();
  };
  const isShown = (): void => {
    leaveTray?.();
    leaveTray = null;
    if (state === 'background') state = 'open';
  };
  const quit = async (): Promise<void> => {
    state = 'closing';
    leaveTray?.();
    disconnect();
    await lab.close().catch((error: unknown) => {
      const { message, hint } = toLabErrorData(error);
      dialog.showErrorBox(message, hint);
    });
    app.exit(0);
  };
  const ask = async (): Promise<void> => {
    const before = state === 'background' ? 'background' : 'open';
    state = 'asking';
    const choice = await askAboutRuns(lab.activeRunCount());
    if (choice === 'quit') return quit();
    state = before;
    if (choice === 'background') goOnInBackground();
    // Closing the last window may have brought us here: whoever stays needs a window.
    else if (before === 'open') show();
  };

  app.on('window-all-closed', () => {
    if (state !== 'background') app.quit();
  });
  app.on('before-quit', (event) => {
    event.preventDefault();
    if (state === 'open' || state === 'background') void ask();
  });
  return isShown;
}

async function askAboutRuns(training: number): Promise<Choice> {
  if (training === 0) return 'quit';
  const { response } = await dialog.showMessageBox({
    type: 'question',
    message: training === 1 ? 'A run is still training.' : `${training} runs are still training.`,
    detail:
      'They can go on without a window: NormLab stays in the system’s tray, and starting it again shows the window. Stopped runs keep a checkpoint and can be resumed exactly where they were.',
    buttons: ['Keep Training in the Background', 'Stop and Quit', 'Cancel'],
    defaultId: 0,
    cancelId: 2,
  });
  return (['background', 'quit', 'stay'] as const)[response] ?? 'stay';
}
