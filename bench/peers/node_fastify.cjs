// Fastify with `pg`: one row by its id, as JSON.
'use strict';
const fastify = require('fastify')();
const { Pool } = require('pg');

const pool = new Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.POOL_SIZE),
  options: `-c search_path=${process.env.SEARCH_PATH}`,
});
fastify.get('/api/bounties/:id', async (request, reply) => {
  // A named statement is prepared once per connection, as the other servers do.
  const found = await pool.query({ name: 'bounty', text: process.env.QUERY, values: [request.params.id] });
  if (found.rows.length === 0) return reply.code(404).send({ error: 'not found' });
  return found.rows[0];
});
fastify.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 4096 });
