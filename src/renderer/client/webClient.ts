import type { LabClient } from '#shared/contract.ts';
import { createHttpClient } from '#shared/transport/httpClient.ts';

/** The lab behind the web host that served this page. */
export function createWebClient(token: string): LabClient {
  const client = createHttpClient({
    // The browser's fetch takes the request as it is; its types ask for more than transports need.
    fetch: (url, request) => fetch(url, request as RequestInit),
    address: '',
    token,
  });
  // A page that is left for good frees its connection at once.
  addEventListener('pagehide', (event) => {
    if (!event.persisted) client.close();
  });
  return client;
}
