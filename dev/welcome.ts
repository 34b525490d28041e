export interface WelcomeOptions {
  /** The server's base address as a browser here reaches it, without a slash at the end. */
  readonly url: string;
  /** Whom to log in as; empty when Laravel is the user's own. */
  readonly users: readonly { readonly name: string; readonly token: string }[];
  /** The services beside the server, for the curious. */
  readonly services: readonly string[];
}

/** The text that says what to do now that everything runs. */
export function welcome({ url, users, services }: WelcomeOptions): string {
  const width = Math.max(0, ...users.map(({ name }) => name.length));
  // The fragment of an address is never sent to a server.
  const links = users.map(({ name, token }) => `    ${name.padEnd(width)}  ${url}/#token=${encodeURIComponent(token)}`);
  const logIn =
    users.length > 0
      ? ['  Log in with one of these; open two of them in two tabs to talk:', ...links]
      : ['  Log in with a token of your Laravel.'];
  return [
    '',
    `  FlyLive Audio Server is ready: ${url}/`,
    '',
    ...logIn,
    '',
    '  Look after it from another terminal: npm run flylive -- rooms list',
    `  ${services.join(' · ')}`,
    '  Ctrl-C stops everything.',
    '',
  ].join('\n');
}
