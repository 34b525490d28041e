import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Rooms } from './rooms.ts';
import type { Users } from './users.ts';

/** The most seats a room can have. */
const seatCount = 30;

const crowdRequest = z.object({
  rooms: z.int().min(1).max(1_000),
  /** In each room. */
  members: z.int().min(1).max(20_050),
});
const endRequest = z.object({ rooms: z.array(z.string()) });

/** What no Laravel has: users and rooms for the load tester (`flylive load-test`). */
export function addCrowdRoutes(app: FastifyInstance, { users, rooms }: { users: Users; rooms: Rooms }): void {
  app.post('/stand-in/crowds', { bodyLimit: 1_024 }, (request) => {
    const { rooms: roomCount, members } = crowdRequest.parse(request.body);
    return {
      rooms: Array.from({ length: roomCount }, (_, index) => {
        const crowd = Array.from({ length: members }, (__, place) => users.add({ name: `Load ${place + 1}` }));
        const owner = crowd[0];
        const { id } = rooms.add({ title: `Load test ${index + 1}`, ownerId: owner?.id ?? 0, seatCount });
        return { id, tokens: crowd.map(({ token }) => token) };
      }),
    };
  });

  app.post('/stand-in/crowds/end', (request, reply) => {
    for (const id of endRequest.parse(request.body).rooms) rooms.close(id);
    return reply.code(204).send();
  });
}
