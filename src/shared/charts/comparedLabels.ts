import { methods, type MethodId } from '../domain/methods/index.ts';

function isMethodId(id: string): id is MethodId {
  return Object.hasOwn(methods, id);
}

/** `batchSize` becomes `batch size`. */
function inWords(name: string): string {
  return name.replace(
    /([a-z0-9])([A-Z])/g,
    (_, before: string, capital: string) => `${before} ${capital.toLowerCase()}`,
  );
}

/**
 * A run's label as people read it: `batchNorm, batchSize 64` becomes `Batch normalization, batch size 64`.
 * @param form `name` writes methods out, `symbol` uses their short form.
 */
export function readableLabel(label: string, form: 'name' | 'symbol' = 'name'): string {
  return label
    .split(', ')
    .map((part, index) => {
      if (isMethodId(part)) return methods[part][form];
      const words = inWords(part);
      return index === 0 ? words.charAt(0).toUpperCase() + words.slice(1) : words;
    })
    .join(', ');
}

/** Name, symbol and style of a method; of one that this version does not know, its id. */
export function methodLook(id: string): { name: string; symbol: string; color: string } {
  return isMethodId(id)
    ? { name: methods[id].name, symbol: methods[id].symbol, color: methods[id].style.color }
    : { name: id, symbol: id, color: '#8a8a8a' };
}
