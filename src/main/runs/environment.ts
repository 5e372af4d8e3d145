import { readFileSync } from 'node:fs';
import { cpus, hostname, release, totalmem } from 'node:os';
import { join } from 'node:path';
import type { EngineDescription } from '#shared/protocol.ts';
import { applicationDirectory } from '../applicationPaths.ts';
import type { RunEnvironment } from '../store/store.ts';

function readText(...path: string[]): string | null {
  try {
    return readFileSync(join(applicationDirectory, ...path), 'utf8').trim();
  } catch {
    return null;
  }
}

/** Version of NormLab, from its package description. */
export function appVersion(): string {
  const text = readText('package.json');
  const parsed: unknown = text === null ? null : JSON.parse(text);
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : 'unknown';
}

/** The commit that is checked out, read without starting git; null outside a clone. */
export function appCommit(): string | null {
  const head = readText('.git', 'HEAD');
  if (head === null) return null;
  const reference = /^ref: (.+)$/.exec(head)?.[1];
  if (reference === undefined) return head;
  const loose = readText('.git', ...reference.split('/'));
  if (loose !== null) return loose;
  const packed = readText('.git', 'packed-refs')?.split('\n');
  return packed?.find((line) => line.endsWith(` ${reference}`))?.split(' ')[0] ?? null;
}

/** What a run trains with on this machine. */
export function describeRunEnvironment(
  engine: EngineDescription,
  datasetChecksum: string,
  { recordHostName = true }: { recordHostName?: boolean } = {},
): RunEnvironment {
  const processors = cpus();
  return {
    appVersion: appVersion(),
    appCommit: appCommit(),
    engine,
    platform: `${process.platform} ${process.arch} ${release()}`,
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    hostName: recordHostName ? hostname() : null,
    datasetChecksum,
  };
}
