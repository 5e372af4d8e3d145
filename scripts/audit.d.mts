export declare function judgeAudit(text: string): {
  status: 'answered' | 'unanswered';
  lines: string[];
  failed: boolean;
};
