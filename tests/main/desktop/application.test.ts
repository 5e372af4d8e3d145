import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BridgeAnswer } from '#main/desktop/bridge.ts';
import {
  electron,
  fakeApp,
  fakeDialog,
  fakeIpcMain,
  fakeMenu,
  fakeProtocol,
  fakeSession,
  FakeNotification,
  FakeTray,
  fakePowerSaveBlocker,
  FakeWindow,
} from './fakeElectron.ts';

vi.mock('electron', () => electron);

const { runDesktop, profileDirectory } = await import('#main/desktop/application.ts');
const { drawIcon } = await import('#main/desktop/trayIcon.ts');
const { fitToScreens } = await import('#main/desktop/windowState.ts');

const trusted = { url: 'app://normlab/', parent: null };
let directory: string;
const eventListeners = new Set<(batch: unknown) => void>();
const sendEvents = (): void => eventListeners.forEach((listener) => listener([{ name: 'queueChanged' }]));
const lab = {
  activeRuns: 0,
  closed: 0,
  dispatched: [] as unknown[],
  directory: '/lab',
  dispatch: (name: string, input: unknown): Promise<BridgeAnswer> => {
    lab.dispatched.push([name, input]);
    return Promise.resolve(
      name === 'broken'
        ? { ok: false, error: { code: 'notFound', message: 'There is none.', hint: 'Make one.' } }
        : { ok: true, value: { echoed: input } },
    );
  },
  subscribe: (listener: (batch: unknown) => void) => {
    eventListeners.add(listener);
    return () => {
      eventListeners.delete(listener);
    };
  },
  activeRunCount: () => lab.activeRuns,
  close: () => {
    lab.closed++;
    return Promise.resolve();
  },
};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'normlab-desktop-'));
  fakeApp.paths['appData'] = directory;
  await runDesktop({
    labDirectory: '/lab',
    preloadFile: '/out/preload.cjs',
    files: (path) =>
      Promise.resolve({
        status: path === '/' ? 200 : 404,
        headers: { 'content-security-policy': "default-src 'self'" },
        body: new TextEncoder().encode('page'),
      }),
    openLab: () => Promise.resolve(lab),
  });
});

afterAll(() => rm(directory, { recursive: true, force: true }));

beforeEach(() => {
  lab.activeRuns = 0;
  lab.dispatched = [];
});

function invoke(frame: unknown, name: unknown, input: unknown): Promise<unknown> {
  const handler = fakeIpcMain.handlers.get('normlab:invoke');
  if (!handler) throw new Error('no handler');
  return Promise.resolve(handler({ senderFrame: frame, sender: FakeWindow.all[0]?.webContents }, name, input));
}

describe('the window', () => {
  it('is isolated, sandboxed and without Node', () => {
    expect(fakeApp.calls).toContain('enableSandbox');
    expect(FakeWindow.all).toHaveLength(1);
    expect(FakeWindow.all[0]?.options['webPreferences']).toEqual({
      preload: '/out/preload.cjs',
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      spellcheck: false,
    });
    expect(FakeWindow.all[0]?.loaded).toEqual(['app://normlab/']);
  });

  it.each(['https://example.org/', 'file:///etc/passwd', 'app://normlab.example/', 'javascript:alert(1)'])(
    'does not go to %s',
    (url) => {
      let prevented = false;
      FakeWindow.all[0]?.webContents.emit('will-navigate', { url, preventDefault: () => (prevented = true) });
      expect(prevented).toBe(true);
      expect(FakeWindow.all[0]?.webContents.windowOpenHandler?.({ url })).toEqual({ action: 'deny' });
    },
  );

  it('stays within the application when it goes to one of its own addresses', () => {
    let prevented = false;
    FakeWindow.all[0]?.webContents.emit('will-navigate', {
      url: 'app://normlab/#/data',
      preventDefault: () => (prevented = true),
    });
    expect(prevented).toBe(false);
  });

  it('follows no redirect elsewhere and attaches no webview', () => {
    const prevented: string[] = [];
    const contents = FakeWindow.all[0]?.webContents;
    contents?.emit('will-redirect', { url: 'https://example.org/', preventDefault: () => prevented.push('redirect') });
    contents?.emit('will-redirect', { url: 'app://normlab/', preventDefault: () => prevented.push('own address') });
    contents?.emit('will-attach-webview', { preventDefault: () => prevented.push('webview') });
    expect([...new Set(prevented)]).toEqual(['redirect', 'webview']);
  });

  it('refuses permissions, devices and the network', () => {
    const answers: boolean[] = [];
    const contents = { getURL: () => 'app://normlab/' };
    for (const permission of ['media', 'geolocation', 'notifications', 'clipboard-sanitized-write']) {
      fakeSession.permissionRequest?.(contents, permission, (allowed) => answers.push(allowed));
    }
    expect(answers).toEqual([false, false, false, true]);
    expect(fakeSession.permissionCheck?.(null, 'clipboard-sanitized-write', 'https://example.org')).toBe(false);
    expect(fakeSession.devicePermission?.()).toBe(false);
    const cancelled: boolean[] = [];
    for (const url of ['https://example.org/x.js', 'http://127.0.0.1/', 'file:///etc/passwd', 'app://normlab/x.js']) {
      fakeSession.beforeRequest?.({ url }, (result) => cancelled.push(result.cancel));
    }
    expect(cancelled).toEqual([true, true, true, false]);
    let prevented = false;
    fakeSession.emit('will-download', { preventDefault: () => (prevented = true) });
    expect(prevented).toBe(true);
  });

  it('serves only its own origin, with the headers of the files', async () => {
    const page = await fakeProtocol.handler?.(new Request('app://normlab/'));
    expect([page?.status, page?.headers.get('content-security-policy'), await page?.text()]).toEqual([
      200,
      "default-src 'self'",
      'page',
    ]);
    expect((await fakeProtocol.handler?.(new Request('app://elsewhere/')))?.status).toBe(403);
    expect((await fakeProtocol.handler?.(new Request('app://normlab/', { method: 'POST' })))?.status).toBe(403);
  });
});

describe('the bridge', () => {
  it('answers the application and passes failures on as data', async () => {
    expect(await invoke(trusted, 'experiments.list', { archived: false })).toEqual({
      ok: true,
      value: { echoed: { archived: false } },
    });
    expect(await invoke(trusted, 'broken', {})).toEqual({
      ok: false,
      error: { code: 'notFound', message: 'There is none.', hint: 'Make one.' },
    });
  });

  it.each([
    ['another origin', { url: 'https://example.org/', parent: null }],
    ['a lookalike', { url: 'app://normlab.example/', parent: null }],
    ['a frame within the page', { url: 'app://normlab/', parent: {} }],
    ['a frame that is gone', null],
  ])('does not answer %s', async (_, frame) => {
    expect(await invoke(frame, 'experiments.list', {})).toMatchObject({
      ok: false,
      error: { code: 'invalidArgument' },
    });
    expect(lab.dispatched).toEqual([]);
  });

  it('sends events to the window', () => {
    sendEvents();
    expect(FakeWindow.all[0]?.webContents.sent.at(-1)).toEqual({
      channel: 'normlab:events',
      payload: [{ name: 'queueChanged' }],
    });
  });

  it('asks the system for folders, and saves files where the person says', async () => {
    expect(await invoke(trusted, 'shell.chooseDataset', { kind: 'folder' })).toEqual({
      ok: true,
      value: '/data/cifar',
    });
    fakeDialog.savePath = join(directory, 'figure.csv');
    const bytes = new TextEncoder().encode('step,loss\n');
    expect(await invoke(trusted, 'shell.saveFile', { suggestedName: 'figure.csv', bytes })).toEqual({
      ok: true,
      value: fakeDialog.savePath,
    });
    expect(await readFile(fakeDialog.savePath, 'utf8')).toBe('step,loss\n');
    fakeDialog.savePath = undefined;
    expect(await invoke(trusted, 'shell.saveFile', { suggestedName: 'figure.csv', bytes })).toEqual({
      ok: true,
      value: null,
    });
    for (const input of [
      { suggestedName: '../x', bytes },
      { suggestedName: 'x' },
      { suggestedName: 'x', bytes: 'text' },
    ]) {
      expect(await invoke(trusted, 'shell.saveFile', input)).toMatchObject({ error: { code: 'invalidArgument' } });
    }
  });
});

describe('one application a lab', () => {
  it('has a profile for each lab folder', () => {
    expect(profileDirectory('/config', '/lab')).not.toBe(profileDirectory('/config', '/lab2'));
    expect(fakeApp.paths['userData']).toBe(profileDirectory(directory, '/lab'));
  });

  it('shows its window when it is started again', () => {
    fakeApp.emit('second-instance');
    expect(FakeWindow.all).toHaveLength(1);
    expect(FakeWindow.all[0]?.calls.at(-1)).toBe('focus');
  });

  it('has a menu that leads to the views', () => {
    fakeMenu.template
      .flatMap((entry) => entry.submenu ?? [])
      .find((entry) => entry.label === 'New Experiment')
      ?.click?.();
    expect(FakeWindow.all[0]?.loaded.at(-1)).toBe('app://normlab/#/new');
  });
});

describe('while runs train', () => {
  it('keeps the machine awake, and no longer', () => {
    expect([...fakePowerSaveBlocker.active.values()]).toEqual([]);
    lab.activeRuns = 2;
    sendEvents();
    lab.activeRuns = 1;
    sendEvents();
    expect([...fakePowerSaveBlocker.active.values()]).toEqual(['prevent-app-suspension']);
    lab.activeRuns = 0;
    sendEvents();
    expect([...fakePowerSaveBlocker.active.values()]).toEqual([]);
  });

  it('tells when the last one ended, once and only to those who look elsewhere', () => {
    const before = FakeNotification.shown.length;
    const trainAndEnd = (): void => {
      for (const count of [1, 0, 0]) {
        lab.activeRuns = count;
        sendEvents();
      }
    };
    FakeWindow.focused = FakeWindow.all[0] ?? null;
    trainAndEnd();
    expect(FakeNotification.shown).toHaveLength(before);
    FakeWindow.focused = null;
    trainAndEnd();
    expect(FakeNotification.shown).toHaveLength(before + 1);
    const callsBefore = FakeWindow.all[0]?.calls.length ?? 0;
    FakeNotification.shown.at(-1)?.emit('click');
    expect(FakeWindow.all[0]?.calls.slice(callsBefore)).toContain('focus');
  });
});

describe('the icon in the tray', () => {
  it('is the application’s: a bright curve on a dark square with round corners', () => {
    const pixels = drawIcon();
    const at = (x: number, y: number): number[] => [...pixels.slice((y * 32 + x) * 4, (y * 32 + x) * 4 + 4)];
    expect(pixels).toHaveLength(32 * 32 * 4);
    expect(at(0, 0)).toEqual([0, 0, 0, 0]);
    expect(at(4, 4)).toEqual([46, 34, 22, 255]);
    expect(at(16, 8)).toEqual([242, 199, 143, 255]);
  });
});

describe('the place of the window', () => {
  const screens = [{ x: 0, y: 0, width: 1920, height: 1080 }];
  const size = { width: 1000, height: 700, maximized: false };

  it.each([
    ['on the screen', { x: 10, y: 20 }, { ...size, x: 10, y: 20 }],
    ['on a screen that is gone', { x: 3000, y: 20 }, size],
    ['above the screen', { x: 10, y: -600 }, size],
    ['nowhere yet', {}, size],
  ])('is kept when it is %s', (_, place, expected) => {
    expect(fitToScreens({ ...size, ...place }, screens)).toEqual(expected);
  });
});

describe('quitting', () => {
  const answer = (response: number): void => {
    fakeDialog.response = response;
    fakeDialog.asked.length = 0;
  };
  const asked = async (): Promise<void> => vi.waitFor(() => expect(fakeDialog.asked).toHaveLength(1));

  it('asks while runs train, and stays when told so', async () => {
    lab.activeRuns = 2;
    answer(2);
    fakeApp.quit();
    await asked();
    expect(fakeDialog.asked[0]).toMatchObject({ message: '2 runs are still training.' });
    expect(lab.closed).toBe(0);
    expect(FakeWindow.all).toHaveLength(1);
    expect(FakeTray.shown).toEqual([]);
    expect(fakeApp.calls.at(-1)).not.toMatch(/exit/);
  });

  it('shows the window again where its closing was a mistake', async () => {
    lab.activeRuns = 1;
    answer(2);
    FakeWindow.all[0]?.close();
    await asked();
    await vi.waitFor(() => expect(FakeWindow.all).toHaveLength(1));
  });

  it('lets runs go on in the tray, which says how many, until the window is shown', async () => {
    lab.activeRuns = 1;
    answer(0);
    fakeApp.quit();
    await vi.waitFor(() => expect(FakeTray.shown).toHaveLength(1));
    const [tray] = FakeTray.shown;
    expect(FakeWindow.all).toEqual([]);
    expect(tray?.toolTip).toBe('NormLab: 1 run is training');
    lab.activeRuns = 0;
    sendEvents();
    expect(tray?.toolTip).toBe('NormLab: training has ended');
    expect(fakeDialog.asked).toHaveLength(1);
    tray?.menu.find(({ label }) => label === 'Show NormLab')?.click?.();
    expect(FakeWindow.all).toHaveLength(1);
    expect(FakeTray.shown).toEqual([]);
  });

  it('lets a closed window go to the tray as well, and comes back when it is started again', async () => {
    lab.activeRuns = 3;
    answer(0);
    FakeWindow.all[0]?.close();
    await vi.waitFor(() => expect(FakeTray.shown).toHaveLength(1));
    fakeApp.emit('second-instance');
    expect(FakeWindow.all).toHaveLength(1);
    expect(FakeTray.shown).toEqual([]);
  });

  it('asks from the tray too', async () => {
    lab.activeRuns = 1;
    answer(0);
    FakeWindow.all[0]?.close();
    await vi.waitFor(() => expect(FakeTray.shown).toHaveLength(1));
    answer(2);
    FakeTray.shown[0]?.menu.find(({ label }) => label === 'Quit NormLab')?.click?.();
    await asked();
    expect(FakeTray.shown).toHaveLength(1);
    expect(FakeWindow.all).toEqual([]);
    expect(lab.closed).toBe(0);
    FakeTray.shown[0]?.emit('click');
  });

  it('closes the lab before it ends', async () => {
    const exited = once(fakeApp, 'exited');
    fakeApp.quit();
    await exited;
    expect(lab.closed).toBe(1);
    expect(fakeIpcMain.handlers.size).toBe(0);
    expect(eventListeners.size).toBe(0);
    expect(FakeTray.shown).toEqual([]);
    expect(fakeApp.calls.at(-1)).toBe('exit 0');
  });
});
