import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import type { ExperimentListItem, ExperimentPreview } from '#shared/contract.ts';
import { canonicalJson, cloneJson } from '#shared/canonicalJson.ts';
import { architectureSchema, generatedDataset } from '#shared/domain/architectures/index.ts';
import { exampleDatasetId } from '#shared/domain/dataset.ts';
import { describeFields, type FieldDescription } from '#shared/domain/fields.ts';
import { methods } from '#shared/domain/methods/index.ts';
import { presetExperiment } from '#shared/domain/presets.ts';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import {
  clonedDraft,
  draftDocument,
  fieldPathOf,
  findDraftProblems,
  freshDraft,
  indexFields,
  isFieldOf,
  readDraft,
  type Draft,
  type DraftVariation,
} from '../components/experimentForm/draft.ts';
import { chipOf, isRecord, parseChips, valueAt, withValueAt } from '../components/experimentForm/fieldValues.ts';
import { suggestName } from '../components/experimentForm/suggestName.ts';
import { useDatasets } from '../stores/datasets.ts';
import { useExperiments } from '../stores/experiments.ts';
import { useLab } from '../stores/lab.ts';

const memoryKey = 'draft/new-experiment';
/** Holds what the lab could not be told yet. */
const localKey = 'normlab.draft';
const previewDelayMs = 200;
const saveDelayMs = 400;

export interface DraftProblem {
  /** In the draft: `base.batchSize`, `vary.0.values.1`, `seeds`. */
  path: string;
  message: string;
}

/** Where a draft begins. */
export interface DraftOrigin {
  experimentId?: string;
  /** Of one run: its settings and its seed, with nothing that varies. */
  runId?: string;
  presetId?: string;
  datasetId?: string;
}

/** The new experiment that is being written: kept through everything until it is started. */
export const useExperimentDraft = defineStore('experimentDraft', () => {
  const { client } = useLab();
  const datasets = useDatasets();
  const experiments = useExperiments();
  const fields = describeFields();

  const draft = shallowRef<Draft>(freshDraft(exampleDatasetId));
  const fieldsByKey = computed(() => indexFields(fields, draft.value.base));
  const ready = ref(false);
  const preview = shallowRef<ExperimentPreview | null>(null);
  const previewError = shallowRef<LabErrorData | null>(null);
  /** True until the preview is that of the draft as it is. */
  const previewStale = ref(true);
  /** What the draft was before it was replaced as a whole. */
  const replaced = shallowRef<Draft | null>(null);
  /** The lab could not be told; the draft is kept by this browser meanwhile. */
  const unsaved = ref(false);
  const starting = ref(false);
  const startError = shallowRef<LabErrorData | null>(null);

  /** The data that the base's architecture draws itself; null where a data set is needed. */
  const ownData = computed(() => {
    const architecture = architectureSchema.safeParse(draft.value.base['architecture']);
    return architecture.success ? generatedDataset(architecture.data) : null;
  });
  const datasetName = computed(() => {
    if (ownData.value !== null) return '';
    const id = String(valueAt(draft.value.base, 'dataset.id'));
    return id === exampleDatasetId ? 'example data' : (datasets.byId.get(id)?.name ?? '');
  });
  const suggestedName = computed(() =>
    suggestName(
      draft.value.vary.flatMap(({ key, values }) => {
        const field = fieldsByKey.value.get(key);
        return field && values.length > 0 ? [{ field, values }] : [];
      }),
      String(valueAt(draft.value.base, 'method.id') ?? fieldsByKey.value.get('method')?.default),
      datasetName.value,
    ),
  );
  const name = computed(() => (draft.value.name.trim() === '' ? suggestedName.value : draft.value.name.trim()));
  const ownProblems = computed(() => findDraftProblems(draft.value, fieldsByKey.value));
  /** What the lab is asked about: without what the form itself finds wrong, so that the rest can be drawn. */
  const sent = computed(() =>
    draftDocument(
      draft.value,
      name.value,
      fieldsByKey.value,
      new Set(ownProblems.value.map((problem) => problem.path)),
    ),
  );
  const problems = computed<DraftProblem[]>(() => {
    const own = ownProblems.value;
    const known = new Set(own.map((problem) => problem.path));
    const found = (preview.value?.problems ?? []).map(({ path, message }) => ({
      path: fieldPathOf(path, sent.value.places, fieldsByKey.value),
      message,
    }));
    // The form says in plainer words what the lab says of the same field.
    return [...own, ...found.filter((problem) => !known.has(problem.path))];
  });
  const messages = computed(() => {
    const byPath = new Map<string, string>();
    for (const { path, message } of problems.value) if (!byPath.has(path)) byPath.set(path, message);
    return byPath;
  });

  let previewTimer: ReturnType<typeof setTimeout> | null = null;
  let latestPreview = 0;

  async function askPreview(): Promise<void> {
    latestPreview += 1;
    const own = latestPreview;
    try {
      const found = await client.invoke('experiments.preview', { document: sent.value.document });
      if (own !== latestPreview) return;
      // A stack that cannot be drawn for a moment stays as it was.
      const layers = found.layers.length > 0 ? found.layers : (preview.value?.layers ?? []);
      const schedule = found.schedule.length > 0 ? found.schedule : (preview.value?.schedule ?? []);
      preview.value = { ...found, layers, schedule };
      previewError.value = null;
      previewStale.value = false;
      if (startError.value?.code === 'labUnreachable') startError.value = null;
    } catch (failure) {
      if (own !== latestPreview) return;
      previewError.value = toLabErrorData(failure);
    }
  }

  function schedulePreview(): void {
    previewStale.value = true;
    latestPreview += 1;
    if (previewTimer !== null) clearTimeout(previewTimer);
    previewTimer = setTimeout(() => {
      previewTimer = null;
      void askPreview();
    }, previewDelayMs);
  }

  let saveTimer: ReturnType<typeof setTimeout> | null = null;

  function keepLocally(): void {
    try {
      localStorage.setItem(localKey, JSON.stringify(draft.value));
    } catch {
      // Private windows have no storage; the lab is told all the same.
    }
  }

  function keptLocally(): boolean {
    try {
      return localStorage.getItem(localKey) !== null;
    } catch {
      return false;
    }
  }

  function forgetLocally(): void {
    try {
      localStorage.removeItem(localKey);
    } catch {
      // Nothing was kept there.
    }
  }

  async function save(): Promise<void> {
    if (saveTimer !== null) clearTimeout(saveTimer);
    saveTimer = null;
    const saved = draft.value;
    try {
      await client.invoke('memory.set', { key: memoryKey, value: saved });
      if (draft.value !== saved) return;
      unsaved.value = false;
      forgetLocally();
    } catch {
      unsaved.value = true;
      saveTimer ??= setTimeout(() => void save(), 5000);
    }
  }

  function change(next: Draft): void {
    draft.value = next;
    startError.value = null;
    // At once here, so that not even closing the page loses a letter; a moment later in the lab.
    keepLocally();
    if (saveTimer !== null) clearTimeout(saveTimer);
    saveTimer = setTimeout(() => void save(), saveDelayMs);
  }

  async function readStored(): Promise<Draft | null> {
    let local: Draft | null = null;
    try {
      local = readDraft(JSON.parse(localStorage.getItem(localKey) ?? 'null'));
    } catch {
      local = null;
    }
    if (local) return local;
    return readDraft(await client.invoke('memory.get', { key: memoryKey }));
  }

  function preferredDataset(): string {
    return (
      (datasets.list.find((dataset) => dataset.id !== exampleDatasetId) ?? datasets.list[0])?.id ?? exampleDatasetId
    );
  }

  let opened: Promise<void> | null = null;

  async function openOnce(): Promise<void> {
    const [stored] = await Promise.all([readStored(), datasets.start()]);
    draft.value = stored ?? freshDraft(preferredDataset());
    // A page that was left early may have told this browser only.
    if (keptLocally()) void save();
    watch(() => canonicalJson(sent.value.document), schedulePreview);
    client.subscribe('datasetsChanged', schedulePreview);
    client.subscribe('resync', schedulePreview);
    let before = true;
    client.onConnection((now) => {
      if (now && !before) {
        schedulePreview();
        if (unsaved.value) void save();
      }
      before = now;
    });
    ready.value = true;
    await askPreview();
  }

  /**
   * Brings back the draft, and begins another one where an origin is given; the one before can be
   * brought back.
   * @returns True where another one was begun in place of one that was written.
   * @throws LabError where the origin does not exist, or where the lab cannot be asked for the draft.
   */
  async function open(origin: DraftOrigin = {}): Promise<boolean> {
    // Without an answer nothing is begun: it would take the place of the draft that the lab keeps.
    await (opened ??= openOnce().catch((error: unknown) => {
      opened = null;
      throw error;
    }));
    if (origin.experimentId !== undefined) {
      const { document } = await client.invoke('experiments.get', { id: origin.experimentId });
      return replace(clonedDraft(document, indexFields(fields, document.base)));
    }
    if (origin.runId !== undefined) {
      const { document } = await client.invoke('runs.get', { id: origin.runId });
      const { seed, ...base } = document;
      return replace(clonedDraft({ name: 'Clone', base, seeds: [seed] }, indexFields(fields, base)));
    }
    if (origin.presetId !== undefined) {
      const document = presetExperiment(origin.presetId);
      return replace(clonedDraft(document, indexFields(fields, document.base)));
    }
    if (origin.datasetId !== undefined) {
      setValue('dataset.id', origin.datasetId);
    }
    return false;
  }

  function isWritten(value: Draft): boolean {
    const fresh = freshDraft(String(valueAt(value.base, 'dataset.id')));
    return canonicalJson(value) !== canonicalJson(fresh);
  }

  function replace(next: Draft): boolean {
    const before = draft.value;
    const same = canonicalJson(before) === canonicalJson(next);
    const written = !same && isWritten(before);
    if (written) replaced.value = before;
    change(next);
    return written;
  }

  function startOver(): boolean {
    return replace(freshDraft(preferredDataset()));
  }

  function bringBack(): void {
    if (replaced.value === null) return;
    change(replaced.value);
    replaced.value = null;
  }

  function setName(text: string): void {
    change({ ...draft.value, name: text });
  }

  /** Sets a field of the base; an object chosen by id brings back what was typed for it before. */
  function setValue(key: string, value: unknown): void {
    const field = fieldsByKey.value.get(key);
    if (!field?.hasFields) {
      let base = withValueAt(draft.value.base, key, value);
      if (key === 'dataset.id') base = withValueAt(base, 'dataset.checksum', undefined);
      if (key === 'initialWeights.file') base = withValueAt(base, 'initialWeights.sha256', undefined);
      change({ ...draft.value, base });
      return;
    }
    const current = draft.value.base[key];
    const currentId = isRecord(current) ? current['id'] : field.default;
    const shelved = { ...draft.value.shelved };
    if (isRecord(current) && typeof currentId === 'string') shelved[`${key}=${currentId}`] = current;
    const chosen = shelved[`${key}=${String(value)}`] ?? { id: value };
    change({ ...draft.value, base: { ...draft.value.base, [key]: cloneJson(chosen) }, shelved });
  }

  /** The value of a field of the base; undefined where it has its default. */
  function getValue(field: FieldDescription): unknown {
    return valueAt(draft.value.base, field.hasFields ? `${field.key}.id` : field.key);
  }

  /** False for fields of choices that are not chosen. */
  function isShown(field: FieldDescription): boolean {
    return isFieldOf(draft.value.base, field, fields);
  }

  function variationOf(key: string): DraftVariation | null {
    return draft.value.vary.find((variation) => variation.key === key) ?? null;
  }

  /** Lets a field vary, beginning with its value in the base. */
  function addVariation(key: string): void {
    const field = fieldsByKey.value.get(key);
    if (!field || variationOf(key)) return;
    const first = chipOf(field, getValue(field));
    const values = field.kind === 'boolean' ? [true, false] : first === undefined ? [] : [first];
    const added = { key, values, pending: '' };
    // The method first: it groups curves and legends.
    change({ ...draft.value, vary: key === 'method' ? [added, ...draft.value.vary] : [...draft.value.vary, added] });
  }

  function removeVariation(key: string): void {
    change({ ...draft.value, vary: draft.value.vary.filter((variation) => variation.key !== key) });
  }

  function removeGroup(label: string): void {
    change({ ...draft.value, groups: draft.value.groups.filter((group) => group.label !== label) });
  }

  function setVariation(key: string, next: Partial<DraftVariation>): void {
    change({
      ...draft.value,
      vary: draft.value.vary.map((variation) => (variation.key === key ? { ...variation, ...next } : variation)),
    });
  }

  /** Takes what was typed for a field that varies as values; those it has already are left out. */
  function commitPending(key: string): void {
    const field = fieldsByKey.value.get(key);
    const variation = variationOf(key);
    if (!field || !variation || variation.pending.trim() === '') return;
    setVariation(key, {
      values: [...new Set([...variation.values, ...parseChips(field, variation.pending)])],
      pending: '',
    });
  }

  function setSeeds(text: string): void {
    change({ ...draft.value, seeds: text });
  }

  /** Starts it; null where there are problems or the lab refuses, which `startError` tells then. */
  async function start(): Promise<ExperimentListItem | null> {
    if (starting.value) return null;
    for (const { key } of draft.value.vary) commitPending(key);
    if (ownProblems.value.length > 0) return null;
    starting.value = true;
    startError.value = null;
    try {
      const experiment = await experiments.create(sent.value.document);
      change(freshDraft(String(valueAt(draft.value.base, 'dataset.id'))));
      await save();
      return experiment;
    } catch (failure) {
      startError.value = toLabErrorData(failure);
      await askPreview();
      return null;
    } finally {
      starting.value = false;
    }
  }

  /** Methods that the runs will have, in order. */
  const methodIds = computed(() => {
    const varied = variationOf('method')?.values ?? [];
    const field = fieldsByKey.value.get('method');
    const ids = varied.length > 0 ? varied : [field ? (getValue(field) ?? field.default) : ''];
    return ids.map(String).filter((id): id is keyof typeof methods => Object.hasOwn(methods, id));
  });

  return {
    fields,
    fieldsByKey,
    draft,
    ready,
    preview,
    previewError,
    previewStale,
    problems,
    messages,
    replaced,
    unsaved,
    starting,
    startError,
    ownData,
    suggestedName,
    name,
    sent,
    methodIds,
    open,
    save,
    startOver,
    bringBack,
    askPreview,
    setName,
    setValue,
    getValue,
    isShown,
    variationOf,
    addVariation,
    removeVariation,
    removeGroup,
    setVariation,
    commitPending,
    setSeeds,
    start,
  };
});
