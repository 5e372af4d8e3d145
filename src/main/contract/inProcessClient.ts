import type { LabClient, MethodInput, MethodName, MethodOutput } from '#shared/contract.ts';
import { cloneJson } from '#shared/canonicalJson.ts';
import { LabError } from '#shared/errors.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { EventHub } from './eventHub.ts';

/**
 * The lab as a client in the same process: no bytes are sent, but inputs and results are copied as
 * JSON, so that it behaves as every other transport does.
 */
export function createInProcessClient(dispatcher: Dispatcher, events: EventHub): LabClient {
  return {
    async invoke<Name extends MethodName>(name: Name, input: MethodInput<Name>) {
      const result = await dispatcher.dispatch(name, cloneJson<unknown>(input));
      if (!result.ok) throw LabError.from(result.error);
      return cloneJson(result.value) as MethodOutput<Name>;
    },
    subscribe(name, listener) {
      return events.subscribe((message) => {
        if (message.name === name) listener(cloneJson(message.payload) as Parameters<typeof listener>[0]);
      });
    },
    onConnection(listener) {
      listener(true);
      return () => undefined;
    },
  };
}
