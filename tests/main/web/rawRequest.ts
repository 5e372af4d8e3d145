import { connect } from 'node:net';

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/**
 * Sends bytes as they are, which a proper HTTP client would not, and reads the answer until the host
 * closes the connection.
 */
export function sendRaw(port: number, request: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request, 'latin1'));
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      const [head = '', ...rest] = text.split('\r\n\r\n');
      const [statusLine = '', ...lines] = head.split('\r\n');
      const headers = Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
      );
      resolve({ status: Number(statusLine.split(' ')[1] ?? 0), headers, body: rest.join('\r\n\r\n') });
    });
  });
}

export interface RequestParts {
  method?: string;
  target?: string;
  /** Undefined leaves a header out; a list repeats it. */
  headers?: Record<string, string | string[] | undefined>;
  body?: string;
}

/** The text of a request; the connection is closed after its answer. */
export function formatRequest({ method = 'GET', target = '/', headers = {}, body = '' }: RequestParts): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : value === undefined ? [] : [value]).map((single) => `${name}: ${single}`),
  );
  return [`${method} ${target} HTTP/1.1`, ...lines, 'connection: close', '', body].join('\r\n');
}
