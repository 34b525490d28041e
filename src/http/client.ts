import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/**
 * Serves the built web client at `/`. Paths that are no file are the client's own routes and get its page.
 *
 * @param directory - the built client; when it is missing, the server serves only its API
 * @returns whether there is a client to serve
 */
export async function mountClient(server: FastifyInstance, directory: string): Promise<boolean> {
  if (!existsSync(join(directory, 'index.html'))) return false;
  await server.register(fastifyStatic, {
    root: directory,
    setHeaders: (reply, path) => {
      // Files under _nuxt are named by their content.
      const immutable = path.includes('/_nuxt/');
      void reply.header('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  server.setNotFoundHandler((request, reply) => {
    const isPage = request.method === 'GET' && (request.headers.accept ?? '').includes('text/html');
    if (isPage) return reply.sendFile('index.html');
    return reply.code(404).send({ error: 'Not found' });
  });
  return true;
}
