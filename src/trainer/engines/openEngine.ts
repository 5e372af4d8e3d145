import type { EngineLocation } from '#shared/protocol.ts';
import type { Engine } from './engine.ts';

/**
 * Opens the engine that main found; loads nothing of the others. A process has one engine at a time.
 *
 * @throws LabError `engineMissing` where it is not there, `engineFailed` where it does not work
 */
export async function openEngine(location: EngineLocation): Promise<Engine> {
  switch (location.kind) {
    case 'tensorflow': {
      const { openTensorflowEngine } = await import('./tensorflow/index.ts');
      return openTensorflowEngine(location);
    }
    case 'javascript': {
      const { openJavascriptEngine } = await import('./javascript/index.ts');
      return openJavascriptEngine();
    }
  }
}
