import {
  IconDeviceDesktop,
  IconFlask2,
  IconListDetails,
  IconMoon,
  IconPhoto,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlus,
  IconRocket,
  IconSettings,
  IconStack2,
  IconSun,
} from '@tabler/icons-vue';
import { useRouter } from 'vue-router';
import { useRunActions } from '../composables/runActions.ts';
import { provideCommands, type Command } from '../stores/commands.ts';
import { useExperiments } from '../stores/experiments.ts';
import { useMachine } from '../stores/machine.ts';
import { usePreferences } from '../stores/preferences.ts';
import { useToasts } from '../stores/toasts.ts';
import { formatWhen } from '../data/format.ts';

/** Commands that are there in every view: places, experiments, theme, pausing and stopping everything. */
export function useGeneralCommands(): void {
  const router = useRouter();
  const experiments = useExperiments();
  const preferences = usePreferences();
  const machine = useMachine();
  const toasts = useToasts();
  const { possible } = useRunActions();

  provideCommands((): Command[] => {
    const go = (path: string) => () => void router.push(path);
    const group = 'Go to';
    const { paused } = machine.queue.settings;
    return [
      { id: 'go-experiments', title: 'Experiments', group, icon: IconListDetails, run: go('/experiments') },
      { id: 'go-new', title: 'New experiment', group, icon: IconPlus, keywords: 'create run train', run: go('/new') },
      { id: 'go-data', title: 'Data', group, icon: IconPhoto, keywords: 'data set import cifar', run: go('/data') },
      { id: 'go-queue', title: 'Queue', group, icon: IconStack2, keywords: 'wait order pause', run: go('/queue') },
      { id: 'go-start', title: 'Start page', group, icon: IconRocket, keywords: 'welcome machine', run: go('/start') },
      { id: 'go-settings', title: 'Settings', group, icon: IconSettings, keywords: 'engine', run: go('/settings') },
      {
        id: 'queue-pause',
        title: paused ? 'Resume the queue' : 'Pause the queue',
        group: 'Runs',
        icon: paused ? IconPlayerPlay : IconPlayerPause,
        changes: true,
        run: () => void toasts.attempt(() => machine.setQueue({ paused: !paused })),
      },
      ...possible(experiments.activeRuns).map(({ id, verb, icon, run }) => ({
        id: `${id}-all`,
        title: `${verb} every running run`,
        group: 'Runs',
        icon,
        changes: true,
        run,
      })),
      ...(['system', 'light', 'dark'] as const).map((theme) => ({
        id: `theme-${theme}`,
        title: theme === 'system' ? 'Theme of the system' : theme === 'light' ? 'Light theme' : 'Dark theme',
        group: 'Appearance',
        icon: theme === 'system' ? IconDeviceDesktop : theme === 'light' ? IconSun : IconMoon,
        run: () => (preferences.theme = theme),
      })),
      ...experiments.all.map((experiment) => ({
        id: `experiment-${experiment.id}`,
        title: experiment.name,
        group: experiment.archivedAt === null ? 'Experiments' : 'Archive',
        icon: IconFlask2,
        keywords: `${experiment.methodIds.join(' ')} ${formatWhen(experiment.createdAt)}`,
        run: go(`/experiments/${experiment.id}`),
      })),
    ];
  });
}
