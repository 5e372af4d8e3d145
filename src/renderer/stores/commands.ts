import { defineStore } from 'pinia';
import { onScopeDispose, ref, shallowRef, triggerRef, type Component } from 'vue';
import { useMachine } from './machine.ts';

/** Something that the palette offers. */
export interface Command {
  id: string;
  title: string;
  /** Where it belongs: `Go to`, `This experiment`. */
  group: string;
  icon?: Component;
  shortcut?: string;
  keywords?: string;
  /** Changes the lab: not offered where that is open for reading only. */
  changes?: boolean;
  run: () => void;
}

/** Every action that can be reached now; views add theirs while they are open. */
export const useCommands = defineStore('commands', () => {
  const sources = shallowRef(new Set<() => readonly Command[]>());
  const paletteOpen = ref(false);

  function add(source: () => readonly Command[]): () => void {
    sources.value.add(source);
    triggerRef(sources);
    return () => {
      sources.value.delete(source);
      triggerRef(sources);
    };
  }

  /** What there is now; views' own before the general ones. */
  function list(): Command[] {
    const { readOnly } = useMachine();
    const all = [...sources.value].reverse().flatMap((source) => source());
    return readOnly === null ? all : all.filter((command) => command.changes !== true);
  }

  return { paletteOpen, add, list };
});

/** Offers commands for as long as the component is there. */
export function provideCommands(source: () => readonly Command[]): void {
  onScopeDispose(useCommands().add(source));
}
