/**
 * Messages of TensorFlow's `config.proto` and `rewriter_config.proto`, written field by field: the
 * few that are needed do not ask for a protocol buffer library. Numbers are the files' own.
 */
export interface SessionConfig {
  device: 'cpu' | 'gpu';
  /** Threads of one operation; null lets TensorFlow choose. */
  threads: number | null;
}

/** Serialized `ConfigProto` of a session. */
export function encodeSessionConfig({ device, threads }: SessionConfig): Uint8Array {
  return message([
    // Without GPUs in a CPU session: a CUDA build would otherwise claim their memory.
    ...(device === 'cpu' ? [bytesField(1, message([bytesField(1, Buffer.from('GPU')), varintField(2, 0)]))] : []),
    ...(threads === null ? [] : [varintField(2, threads)]),
    // Operations of a step run one after another as far as they depend on each other, which they mostly do.
    ...(threads === null ? [] : [varintField(5, threads)]),
    // Memory of the GPU as it is needed, not all of it at once (GPUOptions.allow_growth).
    bytesField(6, message([varintField(4, 1)])),
    // Operations without a kernel for the GPU run on the CPU (allow_soft_placement).
    varintField(7, 1),
  ]);
}

/**
 * Serialized `ConfigProto` with `graph_options.rewrite_options.auto_mixed_precision_onednn_bfloat16`
 * on: convolutions and matrix products of a function in bfloat16.
 */
export function encodeBfloat16Config(): Uint8Array {
  const toggleOn = 1;
  return message([bytesField(10, message([bytesField(10, message([varintField(31, toggleOn)]))]))]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}

function varintField(number: number, value: number): number[] {
  return [...varint(number << 3), ...varint(value)];
}

function bytesField(number: number, content: Uint8Array): number[] {
  const lengthDelimited = 2;
  return [...varint((number << 3) | lengthDelimited), ...varint(content.length), ...content];
}

function message(fields: readonly number[][]): Uint8Array {
  return Uint8Array.from(fields.flat());
}
