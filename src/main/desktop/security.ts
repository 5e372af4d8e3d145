import type { Session, WebContents } from 'electron';
import { applicationOrigin } from './channels.ts';

/** Permissions that the interface needs; every other request is refused. */
const allowedPermissions = new Set(['clipboard-sanitized-write']);

export function isApplicationUrl(url: string): boolean {
  return url === applicationOrigin || url.startsWith(`${applicationOrigin}/`);
}

/** The part of a frame that tells where a message came from. */
export interface SenderFrame {
  url: string;
  parent: unknown;
}

/** True for the application's own top frame: the only sender whose messages are answered. */
export function isTrustedSender(frame: SenderFrame | null): boolean {
  return frame !== null && frame.parent === null && isApplicationUrl(frame.url);
}

/** No permission, device or network but the application's own, and no download at all. */
export function restrictSession(session: Session): void {
  session.setPermissionRequestHandler((contents, permission, answer) => {
    answer(allowedPermissions.has(permission) && isApplicationUrl(contents.getURL()));
  });
  session.setPermissionCheckHandler(
    (_contents, permission, origin) => allowedPermissions.has(permission) && isApplicationUrl(origin),
  );
  session.setDevicePermissionHandler(() => false);
  session.webRequest.onBeforeRequest((details, answer) => {
    const local = ['app:', 'devtools:', 'blob:', 'data:'].some((scheme) => details.url.startsWith(scheme));
    answer({ cancel: !local });
  });
  // Files are saved by main, where the person says; nothing in the window downloads.
  session.on('will-download', (event) => event.preventDefault());
}

/** The window stays on the application: no navigation elsewhere, no further windows, no webviews. */
export function restrictContents(contents: WebContents): void {
  contents.on('will-navigate', (event) => {
    if (!isApplicationUrl(event.url)) event.preventDefault();
  });
  contents.on('will-redirect', (event) => {
    if (!isApplicationUrl(event.url)) event.preventDefault();
  });
  contents.on('will-attach-webview', (event) => {
    event.preventDefault();
  });
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
}
