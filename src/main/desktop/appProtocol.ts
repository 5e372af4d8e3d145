import { protocol } from 'electron';
import { applicationOrigin } from './channels.ts';

/** A file of the built interface, with its security headers. */
export interface StaticAnswer {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array;
}
/** Answers a path such as `/assets/index.js`; knows the built files only. */
export type StaticFiles = (path: string) => Promise<StaticAnswer>;

const scheme = 'app';

/** Must run before the app is ready: gives `app:` the rights and duties of an ordinary secure origin. */
export function registerApplicationScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
  ]);
}

/** Serves the interface from the application itself: no file access, no network. */
export function serveApplication(files: StaticFiles): void {
  protocol.handle(scheme, async (request) => {
    const url = new URL(request.url);
    if (`${url.protocol}//${url.host}` !== applicationOrigin || request.method !== 'GET') {
      return new Response(null, { status: 403 });
    }
    const answer = await files(url.pathname);
    return new Response(Uint8Array.from(answer.body), { status: answer.status, headers: answer.headers });
  });
}
