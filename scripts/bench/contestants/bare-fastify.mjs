// A Fastify server that answers every sale from memory, with the JSON of its argument: nothing that the API could leave
// out.
import fastify from 'fastify';

const [, , text] = process.argv;
const app = fastify({ logger: false });
app.get('/v1/sales/:id', async (_request, reply) => reply.type('application/json; charset=utf-8').send(text));
console.log(await app.listen({ port: 0, host: '127.0.0.1' }));
