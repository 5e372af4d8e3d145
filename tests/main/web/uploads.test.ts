import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '#main/web/webHost.ts';
import { formatRequest, sendRaw } from './rawRequest.ts';
import { startTestHost, type TestHost } from './testHost.ts';

const drop = '0123456789abcdef'.repeat(2);

async function upload(
  { host }: TestHost,
  name: string,
  body: string | Uint8Array<ArrayBuffer>,
  place = drop,
): Promise<{
  status: number;
  answer: { result?: { file: string; folder: string; bytes: number }; error?: { code: string } };
}> {
  const response = await fetch(`${host.address}/upload/${place}?name=${encodeURIComponent(name)}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${host.token}`, 'content-type': 'application/octet-stream' },
    body,
  });
  return { status: response.status, answer: (await response.json()) as Awaited<ReturnType<typeof upload>>['answer'] };
}

const limits = { upload: { ...defaultLimits.upload, reservedBytes: 0 } };

describe('uploads', () => {
  it('keep what was dropped together in one folder, for this user alone', async () => {
    const test = await startTestHost({ limits });
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index);
    const first = await upload(test, 'data_batch_1.bin', bytes);
    const second = await upload(test, 'test batch – γ.bin'.replace('–', '-'), 'small');
    const folder = join(test.labDirectory, 'uploads', drop);
    expect(first).toEqual({
      status: 200,
      answer: { result: { folder, file: join(folder, 'data_batch_1.bin'), bytes: 300_000 } },
    });
    expect(second.status).toBe(200);
    expect(await readFile(join(folder, 'data_batch_1.bin'))).toEqual(Buffer.from(bytes));
    expect((await readdir(folder)).sort()).toEqual(['data_batch_1.bin', 'test batch - γ.bin']);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'data_batch_1.bin'))).mode & 0o777).toBe(0o600);
  });

  it.each([
    '',
    '.',
    '..',
    '.hidden',
    '../escape.bin',
    '/etc/passwd',
    'a/b.bin',
    'a\\b.bin',
    'null\0.bin',
    'line\nbreak.bin',
    'C:drive.bin',
    'a'.repeat(300),
    '\u{202e}gnp.bin',
  ])('refuse the name %j', async (name) => {
    const test = await startTestHost({ limits });
    expect((await upload(test, name, 'x')).status).toBe(400);
    expect(await readdir(test.labDirectory)).not.toContain('uploads/x');
    expect(await readdir(join(test.labDirectory, 'uploads')).catch(() => [])).toEqual([]);
  });

  it.each(['short', 'G'.repeat(32), `${drop}0`, 'a.b'])('refuse the place %j', async (place) => {
    const test = await startTestHost({ limits });
    expect((await upload(test, 'a.bin', 'x', place)).status).toBe(404);
  });

  it('refuse a file that is there already, and keep that', async () => {
    const test = await startTestHost({ limits });
    await upload(test, 'a.bin', 'first');
    expect((await upload(test, 'a.bin', 'second')).status).toBe(409);
    expect(await readFile(join(test.labDirectory, 'uploads', drop, 'a.bin'), 'utf8')).toBe('first');
  });

  it('refuse what is too large, too many, or more than the disk has', async () => {
    const small = { ...limits.upload, maximumBytes: 10, maximumFilesPerDrop: 2, maximumDrops: 1 };
    const test = await startTestHost({ limits: { upload: small } });
    expect((await upload(test, 'a.bin', 'x'.repeat(11))).status).toBe(413);
    expect((await upload(test, 'a.bin', 'x'.repeat(10))).status).toBe(200);
    expect((await upload(test, 'b.bin', 'x')).status).toBe(200);
    expect((await upload(test, 'c.bin', 'x')).status).toBe(413);
    expect((await upload(test, 'a.bin', 'x', 'f'.repeat(32))).status).toBe(429);
    const full = await startTestHost({ limits: { upload: { ...limits.upload, reservedBytes: 2 ** 60 } } });
    const { status, answer } = await upload(full, 'a.bin', 'x');
    expect([status, answer.error?.code]).toEqual([507, 'diskFull']);
  });

  it('refuse a body of unknown length or another type', async () => {
    const test = await startTestHost({ limits });
    const headers = {
      host: `127.0.0.1:${test.host.port}`,
      authorization: `Bearer ${test.host.token}`,
      'content-type': 'application/octet-stream',
      'transfer-encoding': 'chunked',
    };
    const target = `/upload/${drop}?name=a.bin`;
    const send = (changed: Record<string, string>) =>
      sendRaw(
        test.host.port,
        formatRequest({ method: 'POST', target, headers: { ...headers, ...changed }, body: '1\r\nx\r\n0\r\n\r\n' }),
      );
    expect((await send({})).status).toBe(411);
    expect((await send({ 'content-type': 'text/plain' })).status).toBe(415);
  });

  it('leave nothing of a file whose sender goes away or falls silent', async () => {
    const test = await startTestHost({ limits: { upload: { ...limits.upload, idleTimeoutMs: 50 } } });
    const request = formatRequest({
      method: 'POST',
      target: `/upload/${drop}?name=a.bin`,
      headers: {
        host: `127.0.0.1:${test.host.port}`,
        authorization: `Bearer ${test.host.token}`,
        'content-type': 'application/octet-stream',
        'content-length': '1000',
      },
      body: 'only a little',
    });
    expect((await sendRaw(test.host.port, request)).status).toBe(408);
    expect(await readdir(join(test.labDirectory, 'uploads'))).toEqual([]);

    const socket = connect(test.host.port, '127.0.0.1', () => socket.end(request));
    socket.resume();
    await new Promise((resolve) => socket.on('close', resolve));
    // The same name is free again once the host has tidied up.
    for (let status = 409; status !== 200;) ({ status } = await upload(test, 'a.bin', 'whole'));
    expect(await readdir(join(test.labDirectory, 'uploads', drop))).toEqual(['a.bin']);
  });

  it('go away after their import and when the host closes; what is not theirs stays', async () => {
    const test = await startTestHost({ limits });
    const { answer } = await upload(test, 'a.bin', 'x');
    await upload(test, 'b.bin', 'x', 'f'.repeat(32));
    const uploads = join(test.labDirectory, 'uploads');
    await test.host.uploads.release('/somewhere/else');
    await test.host.uploads.release(join(uploads, '..', 'lab.sqlite'));
    expect((await readdir(uploads)).sort()).toEqual([drop, 'f'.repeat(32)]);
    await test.host.uploads.release(answer.result?.file ?? '');
    expect(await readdir(uploads)).toEqual(['f'.repeat(32)]);
    await test.host.close();
    expect(await readdir(test.labDirectory)).toEqual([]);
  });

  it('of a process that was killed go away when the next one starts', async () => {
    const test = await startTestHost({ limits });
    const left = join(test.labDirectory, 'uploads', drop);
    await mkdir(left, { recursive: true });
    await writeFile(join(left, 'a.bin'), 'left');
    await test.host.uploads.clear();
    expect(await readdir(test.labDirectory)).toEqual([]);
  });
});
