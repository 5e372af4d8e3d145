import { EventEmitter } from 'node:events';

/** Stands in for Electron: records what the shell asks of it, and lets a test play the system's part. */
export class FakeContents extends EventEmitter {
  readonly sent: { channel: string; payload: unknown }[] = [];
  windowOpenHandler: ((details: { url: string }) => { action: string }) | null = null;

  send(channel: string, payload: unknown): void {
    this.sent.push({ channel, payload });
  }
  isDestroyed(): boolean {
    return false;
  }
  setWindowOpenHandler(handler: (details: { url: string }) => { action: string }): void {
    this.windowOpenHandler = handler;
  }
}

export class FakeWindow extends EventEmitter {
  static readonly all: FakeWindow[] = [];
  readonly webContents = new FakeContents();
  readonly loaded: string[] = [];
  readonly calls: string[] = [];
  readonly options: Record<string, unknown>;

  constructor(options: Record<string, unknown>) {
    super();
    this.options = options;
    FakeWindow.all.push(this);
    fakeApp.emit('web-contents-created', {}, this.webContents);
  }
  static focused: FakeWindow | null = null;
  static getFocusedWindow(): FakeWindow | null {
    return FakeWindow.focused;
  }
  static getAllWindows(): FakeWindow[] {
    return FakeWindow.all;
  }
  static fromWebContents(contents: unknown): FakeWindow | null {
    return FakeWindow.all.find((window) => window.webContents === contents) ?? null;
  }
  loadURL(url: string): Promise<void> {
    this.loaded.push(url);
    return Promise.resolve();
  }
  show(): void {
    this.calls.push('show');
  }
  focus(): void {
    this.calls.push('focus');
  }
  maximize(): void {
    this.calls.push('maximize');
  }
  restore(): void {
    this.calls.push('restore');
  }
  isMinimized(): boolean {
    return false;
  }
  isDestroyed(): boolean {
    return !FakeWindow.all.includes(this);
  }
  /** Electron tells the application after the last one. */
  close(): void {
    this.emit('close');
    FakeWindow.all.splice(FakeWindow.all.indexOf(this), 1);
    if (FakeWindow.all.length === 0) fakeApp.emit('window-all-closed');
  }
  isMaximized(): boolean {
    return true;
  }
  getNormalBounds(): { x: number; y: number; width: number; height: number } {
    return { x: 10, y: 20, width: 1000, height: 700 };
  }
}

class FakeApp extends EventEmitter {
  readonly paths: Record<string, string> = {};
  readonly calls: string[] = [];
  isFirstInstance = true;

  setPath(name: string, path: string): void {
    this.paths[name] = path;
  }
  getPath(name: string): string {
    return this.paths[name] ?? `/${name}`;
  }
  requestSingleInstanceLock(): boolean {
    return this.isFirstInstance;
  }
  enableSandbox(): void {
    this.calls.push('enableSandbox');
  }
  whenReady(): Promise<void> {
    return Promise.resolve();
  }
  quit(): void {
    this.calls.push('quit');
    this.emit('before-quit', { preventDefault: () => this.calls.push('preventDefault') });
  }
  exit(code: number): void {
    this.calls.push(`exit ${code}`);
    this.emit('exited');
  }
}

export const fakeApp = new FakeApp();

type Handler = (...values: unknown[]) => unknown;

export const fakeIpcMain = {
  handlers: new Map<string, Handler>(),
  handle(channel: string, handler: Handler): void {
    fakeIpcMain.handlers.set(channel, handler);
  },
  removeHandler(channel: string): void {
    fakeIpcMain.handlers.delete(channel);
  },
};

export const fakeDialog = {
  asked: [] as unknown[],
  response: 0,
  openPaths: ['/data/cifar'],
  savePath: '' as string | undefined,
  errors: [] as string[],
  showMessageBox(options: unknown): Promise<{ response: number }> {
    fakeDialog.asked.push(options);
    return Promise.resolve({ response: fakeDialog.response });
  },
  showOpenDialog(): Promise<{ canceled: boolean; filePaths: string[] }> {
    return Promise.resolve({ canceled: fakeDialog.openPaths.length === 0, filePaths: fakeDialog.openPaths });
  },
  showSaveDialog(): Promise<{ canceled: boolean; filePath?: string }> {
    return Promise.resolve(
      fakeDialog.savePath === undefined ? { canceled: true } : { canceled: false, filePath: fakeDialog.savePath },
    );
  },
  showErrorBox(title: string, text: string): void {
    fakeDialog.errors.push(`${title} ${text}`);
  },
};

type PermissionRequest = (contents: unknown, permission: string, answer: (allowed: boolean) => void) => void;
type PermissionCheck = (contents: unknown, permission: string, origin: string) => boolean;
type BeforeRequest = (details: { url: string }, answer: (result: { cancel: boolean }) => void) => void;

class FakeSession extends EventEmitter {
  permissionRequest: PermissionRequest | null = null;
  permissionCheck: PermissionCheck | null = null;
  devicePermission: (() => boolean) | null = null;
  beforeRequest: BeforeRequest | null = null;
  readonly webRequest = {
    onBeforeRequest: (handler: BeforeRequest): void => {
      this.beforeRequest = handler;
    },
  };

  setPermissionRequestHandler(handler: PermissionRequest): void {
    this.permissionRequest = handler;
  }
  setPermissionCheckHandler(handler: PermissionCheck): void {
    this.permissionCheck = handler;
  }
  setDevicePermissionHandler(handler: () => boolean): void {
    this.devicePermission = handler;
  }
}

export const fakeSession = new FakeSession();

export const fakeProtocol = {
  schemes: [] as unknown[],
  handler: null as null | ((request: Request) => Promise<Response>),
  registerSchemesAsPrivileged(schemes: unknown[]): void {
    fakeProtocol.schemes.push(...schemes);
  },
  handle(_scheme: string, handler: (request: Request) => Promise<Response>): void {
    fakeProtocol.handler = handler;
  },
};

interface MenuEntry {
  label?: string;
  submenu?: { label?: string; click?: () => void }[];
}

class FakeMenu {
  template: MenuEntry[] = [];

  buildFromTemplate(template: MenuEntry[]): MenuEntry[] {
    return template;
  }
  setApplicationMenu(template: MenuEntry[]): void {
    this.template = template;
  }
}

export const fakeMenu = new FakeMenu();

export const fakePowerSaveBlocker = {
  active: new Map<number, string>(),
  start(kind: string): number {
    const id = fakePowerSaveBlocker.active.size + 1;
    fakePowerSaveBlocker.active.set(id, kind);
    return id;
  },
  stop(id: number): void {
    fakePowerSaveBlocker.active.delete(id);
  },
};

export class FakeNotification extends EventEmitter {
  static readonly shown: FakeNotification[] = [];
  readonly options: { title: string; body: string };

  constructor(options: { title: string; body: string }) {
    super();
    this.options = options;
  }
  static isSupported(): boolean {
    return true;
  }
  show(): void {
    FakeNotification.shown.push(this);
  }
}

export class FakeTray extends EventEmitter {
  static readonly shown: FakeTray[] = [];
  readonly image: unknown;
  menu: { label?: string; click?: () => void }[] = [];
  toolTip = '';

  constructor(image: unknown) {
    super();
    this.image = image;
    FakeTray.shown.push(this);
  }
  setContextMenu(menu: { label?: string; click?: () => void }[]): void {
    this.menu = menu;
  }
  setToolTip(toolTip: string): void {
    this.toolTip = toolTip;
  }
  destroy(): void {
    FakeTray.shown.splice(FakeTray.shown.indexOf(this), 1);
  }
}

/** The module that takes Electron's place. */
export const electron = {
  app: fakeApp,
  BrowserWindow: FakeWindow,
  dialog: fakeDialog,
  ipcMain: fakeIpcMain,
  Menu: fakeMenu,
  nativeImage: { createFromBitmap: (bitmap: Buffer, size: object) => ({ bitmap, ...size }) },
  Notification: FakeNotification,
  powerSaveBlocker: fakePowerSaveBlocker,
  protocol: fakeProtocol,
  screen: { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] },
  session: { defaultSession: fakeSession },
  Tray: FakeTray,
  shell: { openPath: () => Promise.resolve('') },
};
