import { describe, expect, it } from 'vitest';
import { presetExperiment } from '#shared/domain/presets.ts';
import { hashRunDocument, parseRunDocument, type RunDocumentInput } from '#shared/domain/run.ts';
import { applySetting, parseSettingValue } from '#shared/domain/setting.ts';
import { openLabCommand, runCommandLine } from '../../../src/renderer/data/commandLine.ts';

/** Splits as a POSIX shell does, for words without double quotes outside single ones. */
function shellWords(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|\\'|[^\s'])+/g)].map(([word]) =>
    word.replace(/'([^']*)'|\\'/g, (_, inside: string | undefined) => inside ?? "'"),
  );
}

/** The document that the command trains, by the rules of the command line. */
function documentOf(line: string): unknown {
  const words = shellWords(line);
  let base = presetExperiment('paper-cnn', 'paper').base;
  words.forEach((word, index) => {
    if (word !== '--set') return;
    const assignment = words[index + 1] ?? '';
    const split = assignment.indexOf('=');
    base = applySetting(base, assignment.slice(0, split), parseSettingValue(assignment.slice(split + 1)));
  });
  return { ...base, seed: Number(words[words.indexOf('--seeds') + 1]) };
}

const documents: RunDocumentInput[] = [
  { dataset: { id: 'cifar-10' } },
  { ...(presetExperiment('quickstart').base as RunDocumentInput), method: { id: 'none' }, seed: 7 },
  {
    dataset: { id: 'my-images', trainingImages: 500 },
    method: { id: 'batchNorm', epsilon: 0.001 },
    normalizedLayers: ['conv1', 'fc1'],
    schedule: { id: 'constant' },
    batchSize: 256,
    evaluation: { every: { unit: 'steps', value: 20 } },
  },
];

describe('runCommandLine', () => {
  it.each(documents.map((input) => [parseRunDocument(input)]))('trains the same document again', (document) => {
    const line = runCommandLine(document);
    expect(line).toMatch(/^npm run --silent lab -- train --preset /);
    expect(hashRunDocument(parseRunDocument(documentOf(line)))).toBe(hashRunDocument(document));
  });
});

it('opens a lab folder as the program is open now, whatever its name', () => {
  expect(openLabCommand('/data/lab', 'browser')).toBe('npm start -- --web --lab /data/lab');
  expect(shellWords(openLabCommand("/data/Ada's lab", 'desktop'))).toEqual([
    'npm',
    'start',
    '--',
    '--lab',
    "/data/Ada's lab",
  ]);
});
