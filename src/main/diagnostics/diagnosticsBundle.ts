import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import type { LabErrorData } from '#shared/errors.ts';
import { createRedactor, mapTexts, type PersonalNames } from './redact.ts';

/** One run, without its points: what it was to do and what became of it. */
export interface DiagnosedRun {
  id: string;
  [field: string]: unknown;
}

/** What a report about a fault needs. Plain data, before anything personal is taken out. */
export interface Diagnostics {
  appVersion: string;
  appCommit: string | null;
  createdAt: string;
  machine: unknown;
  health: unknown;
  engines: unknown;
  lab: unknown;
  /** Why the lab could not be asked, where that is so. */
  problem: LabErrorData | null;
  runs: readonly DiagnosedRun[];
}

const explanation = `What is in this archive
=======================

diagnostics.json   version, machine, engines, the lab's database and folders, health
runs/ID.json       the latest runs: settings, environment, state, error, checkpoints, log

Left out: images and labels of data sets, points of curves, weights.
Replaced: your home folder (~), the lab's folder (<lab>), NormLab's own (<application>), user name (<user>),
this computer's name (<host>), and whatever looks like a token or password (<removed>).
Names of experiments and data sets are as you gave them. It is all plain text: look through it before you send it.
`;

/** Writes diagnostics into a gzipped tar archive, with nothing personal in any of its texts. */
export async function packDiagnostics(diagnostics: Diagnostics, names: PersonalNames): Promise<Buffer> {
  const { runs, ...rest } = diagnostics;
  const redact = createRedactor(names);
  const toText = (value: unknown): string => `${JSON.stringify(mapTexts(value, redact), null, 2)}\n`;
  const archive = pack();
  const modified = { mtime: new Date(diagnostics.createdAt) };
  archive.entry({ name: 'README.txt', ...modified }, explanation);
  archive.entry({ name: 'diagnostics.json', ...modified }, toText({ ...rest, runs: runs.map(({ id }) => id) }));
  for (const run of runs) archive.entry({ name: `runs/${run.id}.json`, ...modified }, toText(run));
  archive.finalize();
  return buffer(Readable.from(archive as AsyncIterable<Uint8Array>).pipe(createGzip()));
}

/** `normlab-diagnostics-2026-03-01.tar.gz` */
export function diagnosticsFileName(createdAt: string): string {
  return `normlab-diagnostics-${createdAt.slice(0, 10)}.tar.gz`;
}
