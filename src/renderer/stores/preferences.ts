import { defineStore } from 'pinia';
import { computed, ref, watch } from 'vue';
import { useLab } from './lab.ts';

export type ThemeChoice = 'system' | 'light' | 'dark';

interface Stored {
  theme: ThemeChoice;
  inspectorOpen: boolean;
}

const storageKey = 'normlab.preferences';
const memoryKey = 'preferences';
// Charts need the room of a small window more than details do.
const defaults: Stored = { theme: 'system', inspectorOpen: innerWidth >= 1500 };

function readStored(value: unknown): Stored {
  const stored = typeof value === 'object' && value !== null ? (value as Partial<Stored>) : {};
  return {
    theme: stored.theme === 'light' || stored.theme === 'dark' ? stored.theme : defaults.theme,
    inspectorOpen: typeof stored.inspectorOpen === 'boolean' ? stored.inspectorOpen : defaults.inspectorOpen,
  };
}

function readLocal(): Stored {
  try {
    return readStored(JSON.parse(localStorage.getItem(storageKey) ?? 'null'));
  } catch {
    return defaults;
  }
}

/** Choices that are remembered: at once in this browser, and in the lab, whatever port it is on next. */
export const usePreferences = defineStore('preferences', () => {
  const { client } = useLab();
  const local = readLocal();
  const theme = ref<ThemeChoice>(local.theme);
  const inspectorOpen = ref(local.inspectorOpen);
  const prefersDark = matchMedia('(prefers-color-scheme: dark)');
  const systemDark = ref(prefersDark.matches);
  prefersDark.addEventListener('change', (event) => (systemDark.value = event.matches));
  /** What is shown now, for charts. */
  const shownTheme = computed<'light' | 'dark'>(() =>
    theme.value === 'system' ? (systemDark.value ? 'dark' : 'light') : theme.value,
  );

  async function start(): Promise<void> {
    const changes = { made: false };
    watch(
      [theme, inspectorOpen],
      () => {
        changes.made = true;
        const stored: Stored = { theme: theme.value, inspectorOpen: inspectorOpen.value };
        localStorage.setItem(storageKey, JSON.stringify(stored));
        void client.invoke('memory.set', { key: memoryKey, value: stored }).catch(() => undefined);
      },
      { flush: 'sync' },
    );
    watch(
      theme,
      (choice) => {
        if (choice === 'system') delete document.documentElement.dataset['theme'];
        else document.documentElement.dataset['theme'] = choice;
      },
      { immediate: true },
    );
    const remembered = await client.invoke('memory.get', { key: memoryKey }).catch(() => null);
    if (remembered === null || changes.made) return;
    const stored = readStored(remembered);
    theme.value = stored.theme;
    inspectorOpen.value = stored.inspectorOpen;
  }

  return { theme, shownTheme, inspectorOpen, start };
});
