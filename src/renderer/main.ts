import { createDesktopClient, createDesktopHost } from './client/desktopClient.ts';
import { reloadOnNewToken, takeSessionToken } from './client/sessionToken.ts';
import { uploadFiles } from './client/upload.ts';
import { createWebClient } from './client/webClient.ts';
import { plainPage } from './data/host.ts';
import { mountApp } from './mountApp.ts';

if (window.normlab === undefined) {
  const token = await takeSessionToken();
  reloadOnNewToken();
  mountApp(createWebClient(token), {
    ...plainPage,
    receiveFiles: (files, onProgress, signal) => uploadFiles(files, { token, onProgress, signal }),
  });
} else {
  mountApp(createDesktopClient(window.normlab), createDesktopHost(window.normlab));
}
