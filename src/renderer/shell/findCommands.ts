interface Findable {
  title: string;
  group: string;
  keywords?: string;
}

/** Items in which every word of the text occurs; those whose title begins with it come first in each group. */
export function findCommands<Item extends Findable>(items: readonly Item[], text: string, most = 60): Item[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return items.slice(0, most);
  const begins = (item: Item): boolean => item.title.toLowerCase().startsWith(words[0] ?? '');
  const found = items.filter((item) => {
    const searched = `${item.title} ${item.group} ${item.keywords ?? ''}`.toLowerCase();
    return words.every((word) => searched.includes(word));
  });
  return [...found.filter(begins), ...found.filter((item) => !begins(item))].slice(0, most);
}
