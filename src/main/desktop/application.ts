import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { app, dialog, Menu, session, shell, type BrowserWindow } from 'electron';
import { toLabErrorData } from '#shared/errors.ts';
import { registerApplicationScheme, serveApplication, type StaticFiles } from './appProtocol.ts';
import { connectBridge, type DesktopLab } from './bridge.ts';
import { applicationOrigin } from './channels.ts';
import { closeCleanly } from './closing.ts';
import { menuTemplate } from './menu.ts';
import { restrictContents, restrictSession } from './security.ts';
import { watchTraining } from './trainingWatch.ts';
import { openMainWindow } from './window.ts';

export interface DesktopOptions {
  labDirectory: string;
  /** Built preload script, CommonJS: a sandboxed preload cannot be an ES module. */
  preloadFile: string;
  files: StaticFiles;
  openLab: () => Promise<DesktopLab>;
}

/** Each lab folder has a profile of its own, so that Electron's single-instance lock is one per lab. */
export function profileDirectory(applicationData: string, labDirectory: string): string {
  return join(applicationData, 'NormLab', createHash('sha256').update(labDirectory).digest('hex').slice(0, 16));
}

/** Runs the desktop application until it is quit. */
export async function runDesktop(options: DesktopOptions): Promise<void> {
  app.setPath('userData', profileDirectory(app.getPath('appData'), options.labDirectory));
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return;
  }
  registerApplicationScheme();
  app.enableSandbox();
  await app.whenReady();
  restrictSession(session.defaultSession);
  app.on('web-contents-created', (_event, contents) => restrictContents(contents));
  serveApplication(options.files);

  let lab: DesktopLab;
  try {
    lab = await options.openLab();
  } catch (error) {
    const { message, hint } = toLabErrorData(error);
    dialog.showErrorBox(message, hint);
    app.exit(1);
    return;
  }
  const disconnect = connectBridge(lab);
  let window: BrowserWindow | null = null;
  let isShown = (): void => undefined;
  const show = (): BrowserWindow => {
    if (window === null || window.isDestroyed()) {
      window = openMainWindow(options.preloadFile, join(app.getPath('userData'), 'window.json'));
    }
    isShown();
    if (window.isMinimized()) window.restore();
    window.focus();
    return window;
  };
  Menu.setApplicationMenu(
    Menu.buildFromTemplate(
      menuTemplate(process.platform, {
        openLabFolder: () => void shell.openPath(lab.directory),
        show: (address) => void show().loadURL(`${applicationOrigin}/#${address}`),
      }),
    ),
  );
  app.on('second-instance', show);
  app.on('activate', show);
  const endWatch = watchTraining(lab, show);
  isShown = closeCleanly({
    lab,
    disconnect: () => {
      endWatch();
      disconnect();
    },
    show,
  });
  show();
}
