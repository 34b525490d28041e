import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A batch of gifts as it came by. */
export interface PassedBatch {
  readonly gifts: readonly { readonly gift_tx_id: string; readonly sender_id: number }[];
  /** Batches on their way when it came, itself included, by the sender's shard. */
  readonly sameShardUnderWay: number;
}

/** An HTTP hop in front of a back end that sees batches of gifts, and can answer them otherwise. */
export interface LaravelHop extends AsyncDisposable {
  readonly url: string;
  /** The back end behind it. */
  target: string;
  readonly batches: readonly PassedBatch[];
  /** Ids of gifts over which the back end stumbles: a batch with one of them is answered with 500. */
  readonly stumblesOver: Set<string>;
  /** Ids of gifts whose results do not fit the contract. */
  readonly misfits: Set<string>;
}

/**
 * Listens on a free port of loopback.
 *
 * @param shardOf - the shard of a sender, to count by
 */
export async function startLaravelHop(shardOf: (senderId: number) => number): Promise<LaravelHop> {
  const batches: PassedBatch[] = [];
  const underWay = new Map<number, number>();
  const stumblesOver = new Set<string>();
  const misfits = new Set<string>();

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const isBatch = request.url?.endsWith('/gifts/batch') === true;
    if (!isBatch) return forward(request, body, response);
    const { gifts } = JSON.parse(body) as Pick<PassedBatch, 'gifts'>;
    const shard = shardOf(gifts[0]?.sender_id ?? 0);
    const count = (underWay.get(shard) ?? 0) + 1;
    underWay.set(shard, count);
    batches.push({ gifts, sameShardUnderWay: count });
    try {
      if (gifts.some(({ gift_tx_id: id }) => stumblesOver.has(id))) response.writeHead(500).end();
      else await forward(request, body, response);
    } finally {
      underWay.set(shard, (underWay.get(shard) ?? 1) - 1);
    }
  }

  async function forward(request: IncomingMessage, body: string, response: ServerResponse): Promise<void> {
    const answer = await fetch(`${hop.target}${request.url}`, {
      method: request.method ?? 'GET',
      headers: {
        'content-type': 'application/json',
        'x-internal-key': String(request.headers['x-internal-key']),
      },
      ...(body === '' ? {} : { body }),
    });
    let said = await answer.text();
    for (const id of misfits) said = said.replace(`{"gift_tx_id":"${id}","status":"`, '$&mis');
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(said);
  }

  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hop: LaravelHop = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: '',
    batches,
    stumblesOver,
    misfits,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return hop;
}
