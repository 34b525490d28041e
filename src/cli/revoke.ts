import { createHash } from 'node:crypto';
import { defineCommand } from 'citty';
import { CommandError, commonArgs, print, readUserId, withServer } from './server.ts';

export const revoke = defineCommand({
  meta: {
    name: 'revoke',
    description: 'Revokes a user or a token for a day and ends its connections; Laravel must refuse it after that',
    examples: ['revoke --user 6', 'revoke --token-stdin < token.txt', 'revoke --user 6 --lift'],
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
    lift: { type: 'boolean', description: 'Take the revocation back', default: false },
  },
  run: ({ args }) =>
    withServer(args.url, async (server) => {
      const named = [args.user, args.token, args['token-stdin'] ? '' : undefined].filter((name) => name !== undefined);
      if (named.length !== 1) throw new CommandError(1, 'pass exactly one of --user, --token and --token-stdin');
      const tokenHash = args['token-stdin'] ? await hashOfInput() : args.token;
      const target = tokenHash === undefined ? { userId: readUserId(args.user ?? '') } : { tokenHash };
      if (args.lift) {
        const { lifted } = await server.admin.liftRevocation.mutate(target);
        if (args.json) return print(JSON.stringify({ ...target, lifted }));
        return print(lifted ? 'Not shut out any more' : 'Was not shut out');
      }
      await server.admin.revoke.mutate(target);
      print(args.json ? JSON.stringify({ ...target, revoked: true }) : 'Shut out for a day; connections end now');
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
