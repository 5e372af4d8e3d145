import type { StoredRun } from '#shared/contract.ts';
import { isResumable } from '#shared/domain/runState.ts';
import { formatBytes, formatLoss } from './format.ts';
import { formatRunTable } from './runTables.ts';

/** Everything about one run, for people. */
export function formatRun(run: StoredRun, resumeCommand: string): string {
  const { environment, error } = run;
  const sections = [
    formatRunTable([{ ...run, seed: run.document.seed }]),
    error === null ? '' : `${error.message}\n${error.hint}`,
    isResumable(run.state) ? `Resume: ${resumeCommand}` : '',
    `Document (${run.documentHash})\n${JSON.stringify(run.document, null, 2)}`,
    environment === null
      ? ''
      : [
          'Environment',
          `  engine     ${environment.engine.title}, ${environment.engine.device}`,
          `  versions   ${Object.entries(environment.engine.versions)
            .map(([name, version]) => `${name} ${version}`)
            .join(', ')}`,
          `  NormLab    ${environment.appVersion}${environment.appCommit === null ? '' : ` (${environment.appCommit.slice(0, 12)})`}`,
          `  machine    ${environment.platform}, ${environment.processor}`,
          `  data       ${environment.datasetChecksum}`,
        ].join('\n'),
    section(
      'Series',
      run.series.map(
        ({ series, count, lastStep, lastValue }) =>
          `  ${series}: ${count} points, ${formatLoss(lastValue)} at step ${lastStep}`,
      ),
    ),
    section(
      'Checkpoints',
      run.checkpoints.map(({ step, bytes, file, validationLoss, reasons }) => {
        const loss = validationLoss === null ? '' : `, validation loss ${formatLoss(validationLoss)}`;
        return `  step ${step} (${reasons.join(', ') || 'goes with the next'})${loss}, ${formatBytes(bytes)}, ${file}`;
      }),
    ),
    section(
      'Log',
      run.log.map(({ at, level, text }) => `  ${at} ${level} ${text}`),
    ),
  ];
  return sections.filter((text) => text !== '').join('\n\n');
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [title, ...lines].join('\n');
}
