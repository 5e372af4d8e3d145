import { BrowserWindow, screen } from 'electron';
import { applicationOrigin } from './channels.ts';
import { restrictContents } from './security.ts';
import { fitToScreens, loadWindowState, saveWindowState } from './windowState.ts';

/** Opens the main window where it was last, isolated and sandboxed; shows it when it has something to show. */
export function openMainWindow(preloadFile: string, stateFile: string): BrowserWindow {
  const state = fitToScreens(
    loadWindowState(stateFile),
    screen.getAllDisplays().map((display) => display.workArea),
  );
  const { maximized, width, height, x, y } = state;
  const window = new BrowserWindow({
    width,
    height,
    ...(x === undefined || y === undefined ? {} : { x, y }),
    minWidth: 800,
    minHeight: 600,
    show: false,
    title: 'NormLab',
    webPreferences: {
      preload: preloadFile,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      spellcheck: false,
    },
  });
  restrictContents(window.webContents);
  if (maximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  window.on('close', () => {
    const normal = window.getNormalBounds();
    void saveWindowState(stateFile, { ...normal, maximized: window.isMaximized() }).catch(() => {
      // The place of a window is not worth a message.
    });
  });
  void window.loadURL(`${applicationOrigin}/`);
  return window;
}
