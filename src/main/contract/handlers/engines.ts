import type { EngineListItem, Handlers } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';
import type { EngineStatus } from '../../engines/engineService.ts';
import type { ContractContext } from '../context.ts';

export function engineHandlers({
  lab,
  jobs,
  events,
}: ContractContext): Pick<Handlers, 'engines.list' | 'engines.install'> {
  return {
    async 'engines.list'({ describe }) {
      return (await lab.engines.list({ describe })).map(toListItem);
    },
    async 'engines.install'({ id }) {
      const engine = (await lab.engines.list()).find((candidate) => candidate.id === id);
      if (!engine) throw new LabError('notFound', `There is no engine “${id}”.`, 'Look at the list of engines.');
      if (engine.state === 'unavailable') {
        throw new LabError(
          'engineMissing',
          `${engine.title} cannot be installed: ${engine.reason}`,
          'Use another engine.',
        );
      }
      return jobs.start({
        kind: 'installEngine',
        title: `Install ${engine.title}`,
        unit: 'bytes',
        key: `engine ${id}`,
        async run({ signal, report }) {
          await lab.engines.install(engine.id, {
            signal,
            onProgress: ({ phase, doneBytes, totalBytes, secondsLeft }) => {
              report({ phase, done: doneBytes, total: totalBytes, secondsLeft });
            },
          });
          events.emit('enginesChanged', {});
          return engine.id;
        },
      });
    },
  };
}

function toListItem({ id, title, state, reason, chosen, bytes, description }: EngineStatus): EngineListItem {
  return { id, title, state, reason, chosen, bytes, description };
}
