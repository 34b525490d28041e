import { createHash } from 'node:crypto';
import { defineCommand } from 'citty';
import { CommandError, commonArgs, print, readUserId, withServer } from './server.ts';

export const revoke = defineCommand({
  meta: {
    name: 'revoke',
    description: 'Shuts a user or a token out for a day and ends what is connected; Laravel must refuse it after that',
  },
  args: {
    ...commonArgs,
    user: { type: 'string', description: 'Id of the user: every token is shut out, new ones too', valueHint: 'number' },
    token: {
      type: 'string',
      description: "SHA-256 of a token in hex, as in Sanctum's token column",
      valueHint: 'hash',
    },
    'token-stdin': { type: 'boolean', description: 'Read the token itself from the standard input', default: false },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const named = [args.user, args.token, args['token-stdin'] ? '' : undefined].filter((name) => name !== undefined);
      if (named.length !== 1) throw new CommandError(1, 'say one of --user, --token and --token-stdin');
      const tokenHash = args['token-stdin'] ? await hashOfInput() : args.token;
      const target = tokenHash === undefined ? { userId: readUserId(args.user ?? '') } : { tokenHash };
      await server.admin.revoke.mutate(target);
      print(args.json ? JSON.stringify({ ...target, revoked: true }) : 'Shut out; connections end now');
    }),
});

/** Not an argument: everybody on the machine can read the command lines of others. */
async function hashOfInput(): Promise<string> {
  let text = '';
  for await (const part of process.stdin.setEncoding('utf8') as AsyncIterable<string>) text += part;
  const token = text.trim();
  if (token === '') throw new CommandError(1, 'the standard input holds no token');
  return createHash('sha256')
    .update(token.slice(token.indexOf('|') + 1))
    .digest('hex');
}
