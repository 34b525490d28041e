/**
 * UDP ports of the loopback interface that carry voices between routers, on one worker or two; below the default ports for
 * clients (40000 and up).
 */
export const pipePorts = { min: 20_000, max: 39_999 } as const;
