import { BrowserWindow, Notification, powerSaveBlocker } from 'electron';
import type { DesktopLab } from './bridge.ts';

/**
 * Keeps the machine awake while runs train, and tells whoever looks elsewhere when the last one ended.
 * @param show What a click on the notification brings up.
 * @returns The function that ends both.
 */
export function watchTraining(lab: DesktopLab, show: () => void): () => void {
  let blocker: number | null = null;
  const release = (): void => {
    if (blocker !== null) powerSaveBlocker.stop(blocker);
    blocker = null;
  };
  const look = (): void => {
    const isTraining = lab.activeRunCount() > 0;
    if (isTraining && blocker === null) {
      // The screen may go dark: only the computing must not stop.
      blocker = powerSaveBlocker.start('prevent-app-suspension');
    } else if (!isTraining && blocker !== null) {
      release();
      if (BrowserWindow.getFocusedWindow() === null && Notification.isSupported()) {
        const notification = new Notification({ title: 'Training has ended', body: 'No run is training any more.' });
        notification.on('click', show);
        notification.show();
      }
    }
  };
  look();
  const unsubscribe = lab.subscribe(look);
  return () => {
    unsubscribe();
    release();
  };
}
