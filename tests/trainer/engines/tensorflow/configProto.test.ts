import { describe, expect, it } from 'vitest';
import { encodeBfloat16Config, encodeSessionConfig } from '#trainer/engines/tensorflow/configProto.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/*
 * Expected bytes written out from the field numbers of TensorFlow's config.proto:
 * device_count 1 {key 1, value 2}, intra_op_parallelism_threads 2, inter_op_parallelism_threads 5,
 * gpu_options 6 {allow_growth 4}, allow_soft_placement 7, graph_options 10 {rewrite_options 10
 * {auto_mixed_precision_onednn_bfloat16 31 (rewriter_config.proto)}}. 200 is c8 01 as a varint.
 */
describe('session configuration', () => {
  it('hides GPUs from a CPU session and sets threads', () => {
    expect(hex(encodeSessionConfig({ device: 'cpu', threads: 200 }))).toBe(
      '0a070a03475055100010c80128c801320220013801',
    );
  });

  it('leaves the number of threads to TensorFlow', () => {
    expect(hex(encodeSessionConfig({ device: 'gpu', threads: null }))).toBe('320220013801');
  });

  it('turns on bfloat16', () => {
    expect(hex(encodeBfloat16Config())).toBe('52055203f80101');
  });
});
