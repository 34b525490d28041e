/**
 * How Node.js is started for the server: here, in `npm start` and in the image (a test keeps them alike).
 *
 * Most of what a server allocates is garbage at once. With V8's defaults the young generation grows to some hundred MiB
 * and the old one to twice what is in use before it is collected, so that ten clients that catch up on 15,000 events cost
 * 230 MiB; with these 30 (docs/CAPACITY.md). Neither limits how large the heap may become.
 */
export const serverNodeFlags = ['--max-semi-space-size=8', '--heap-growing-percent=20'];
