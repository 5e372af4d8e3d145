import type { MenuItemConstructorOptions } from 'electron';

export interface MenuActions {
  openLabFolder: () => void;
  /** Sends the interface to one of its addresses. */
  show: (address: string) => void;
}

/** The application menu: what every program has, and the ways into the lab. */
export function menuTemplate(platform: NodeJS.Platform, actions: MenuActions): MenuItemConstructorOptions[] {
  const mac = platform === 'darwin';
  return [
    ...(mac ? [{ role: 'appMenu' } as const] : []),
    {
      label: '&File',
      submenu: [
        { label: 'New Experiment', accelerator: 'CmdOrCtrl+N', click: () => actions.show('/new') },
        { label: 'Import Data Set…', accelerator: 'CmdOrCtrl+I', click: () => actions.show('/data?import') },
        { type: 'separator' },
        { label: 'Open Lab Folder', click: actions.openLabFolder },
        { type: 'separator' },
        mac ? { role: 'close' } : { role: 'quit' },
      ],
    },
    { role: 'editMenu' },
    {
      label: '&View',
      submenu: [
        { label: 'Experiments', accelerator: 'CmdOrCtrl+1', click: () => actions.show('/experiments') },
        { label: 'Data', accelerator: 'CmdOrCtrl+2', click: () => actions.show('/data') },
        { type: 'separator' },
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { role: 'togglefullscreen' },
        { type: 'separator' },
        { role: 'toggleDevTools' },
      ],
    },
    { role: 'windowMenu' },
  ];
}
