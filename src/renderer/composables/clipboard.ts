import { useToasts } from '../stores/toasts.ts';

/** Copies text and images, and says so. */
export function useClipboard(): {
  copyText: (text: string, notice: string) => Promise<void>;
  copyImage: (image: Blob, notice: string) => Promise<void>;
} {
  const toasts = useToasts();

  async function copy(write: () => Promise<void>, notice: string): Promise<void> {
    try {
      await write();
      toasts.show({ title: notice });
    } catch {
      toasts.show({
        title: 'The clipboard is closed to this page.',
        detail: 'Allow access to the clipboard in the browser, or export a file instead.',
        tone: 'danger',
      });
    }
  }

  return {
    copyText: (text, notice) => copy(() => navigator.clipboard.writeText(text), notice),
    copyImage: (image, notice) =>
      copy(() => navigator.clipboard.write([new ClipboardItem({ [image.type]: image })]), notice),
  };
}
