import { Menu, Tray } from 'electron';
import type { DesktopLab } from './bridge.ts';
import { createTrayIcon } from './trayIcon.ts';

export interface BackgroundActions {
  show: () => void;
  quit: () => void;
}

/**
 * Stands in the system's tray while runs go on without a window, and says how many. Where a system shows no tray,
 * starting NormLab again shows the window.
 * @returns The function that takes it away.
 */
export function showInTray(lab: DesktopLab, { show, quit }: BackgroundActions): () => void {
  const tray = new Tray(createTrayIcon());
  tray.setContextMenu(
    Menu.buildFromTemplate([
      { label: 'Show NormLab', click: show },
      { type: 'separator' },
      { label: 'Quit NormLab', click: quit },
    ]),
  );
  tray.on('click', show);
  const look = (): void => tray.setToolTip(`NormLab: ${describeTraining(lab.activeRunCount())}`);
  look();
  const unsubscribe = lab.subscribe(look);
  return () => {
    unsubscribe();
    tray.destroy();
  };
}

function describeTraining(runs: number): string {
  if (runs === 0) return 'training has ended';
  return runs === 1 ? '1 run is training' : `${runs} runs are training`;
}
