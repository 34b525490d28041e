/**
 * Something that set-up cannot get on its own, with what the user can do about it.
 */
export class SetupProblem extends Error {
  /**
   * @param {string} what one or two sentences: what is missing and why it could not be had
   * @param {string[]} commands what to run, in order
   */
  constructor(what, commands = []) {
    super(what);
    this.name = 'SetupProblem';
    this.commands = commands;
  }
}

/**
 * The one message that ends a set-up which could not finish.
 *
 * @param {SetupProblem[]} problems
 * @returns {string}
 */
export function problemMessage(problems) {
  const lines = ['', 'Set-up could not finish:'];
  for (const problem of problems) lines.push(`  - ${problem.message}`);
  const commands = [...new Set(problems.flatMap((problem) => problem.commands))];
  if (commands.length > 0) {
    lines.push('', 'Run this:', '');
    for (const command of commands) lines.push(`  ${command}`);
    lines.push('', 'and then the same npm command again.');
  }
  return lines.join('\n') + '\n';
}
