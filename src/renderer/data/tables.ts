/** A table as text: its first row names the columns. */
export type TextTable = readonly (readonly string[])[];

/** Tab-separated values, as spreadsheets paste them. */
export function toTsv(table: TextTable): string {
  return table.map((row) => row.map((cell) => cell.replace(/[\t\n\r]+/g, ' ')).join('\t')).join('\n');
}

const latexSpecial: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '&': '\\&',
  '%': '\\%',
  $: '\\$',
  '#': '\\#',
  _: '\\_',
  '{': '\\{',
  '}': '\\}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '±': '$\\pm$',
  '−': '$-$',
  '–': '--',
  γ: '$\\gamma$',
  '²': '$^2$',
  '\u2009': '\\,',
};

function escapeLatex(text: string): string {
  return text.replace(/[\\&%$#_{}~^±−–γ²\u2009]/g, (character) => latexSpecial[character] ?? character);
}

/** A `tabular` with booktabs rules; the first column to the left, numbers to the right. */
export function toLatex(table: TextTable): string {
  const [head = [], ...rows] = table;
  const line = (row: readonly string[]): string => `  ${row.map(escapeLatex).join(' & ')} \\\\`;
  return [
    `\\begin{tabular}{l${'r'.repeat(Math.max(0, head.length - 1))}}`,
    '  \\toprule',
    line(head),
    '  \\midrule',
    ...rows.map(line),
    '  \\bottomrule',
    '\\end{tabular}',
  ].join('\n');
}
